#include "api/s3/bucket_list.h"

#include <algorithm>
#include <pugixml.hpp>

#include "aws/xml_text.h"

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kRoot = "ListAllMyBucketsResult";
constexpr std::string_view kEpoch = "1970-01-01T00:00:00.000Z";

/// Of the first child with this name, whatever its namespace prefix.
pugi::xml_node child_of(const pugi::xml_node& node, std::string_view name) {
  return node.find_child(
      [name](const pugi::xml_node& child) { return aws::local_name(child.name()) == name; });
}

std::string text_of(const pugi::xml_node& node, std::string_view name) {
  return child_of(node, name).child_value();
}

}  // namespace

std::optional<BucketList> BucketList::parse(std::string_view document) {
  pugi::xml_document xml;
  const unsigned options = pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata;
  if (!xml.load_buffer(document.data(), document.size(), options, pugi::encoding_utf8))
    return std::nullopt;
  const pugi::xml_node root = xml.document_element();
  if (aws::local_name(root.name()) != kRoot) return std::nullopt;
  BucketList list;
  const pugi::xml_node owner = child_of(root, "Owner");
  list.owner_id = text_of(owner, "ID");
  list.owner_name = text_of(owner, "DisplayName");
  list.continuation_token = text_of(root, "ContinuationToken");
  list.prefix = text_of(root, "Prefix");
  for (const pugi::xml_node& bucket : child_of(root, "Buckets").children()) {
    std::string name = text_of(bucket, "Name");
    if (!name.empty()) list.buckets.push_back({std::move(name), text_of(bucket, "CreationDate")});
  }
  return list;
}

std::string BucketList::write() const {
  std::string xml = aws::xml_declaration();
  xml.append("<").append(kRoot).append(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
  xml += "<Owner>";
  aws::append_xml_element("ID", owner_id, xml);
  if (!owner_name.empty()) aws::append_xml_element("DisplayName", owner_name, xml);
  xml += "</Owner><Buckets>";
  for (const Bucket& bucket : buckets) {
    xml += "<Bucket>";
    aws::append_xml_element("Name", bucket.name, xml);
    if (!bucket.creation_date.empty())
      aws::append_xml_element("CreationDate", bucket.creation_date, xml);
    xml += "</Bucket>";
  }
  xml += "</Buckets>";
  if (!continuation_token.empty())
    aws::append_xml_element("ContinuationToken", continuation_token, xml);
  if (!prefix.empty()) aws::append_xml_element("Prefix", prefix, xml);
  xml.append("</").append(kRoot).append(">");
  return xml;
}

void BucketList::keep_only(const std::function<bool(std::string_view bucket)>& is_visible) {
  std::erase_if(buckets, [&](const Bucket& bucket) { return !is_visible(bucket.name); });
}

void BucketList::add(std::string_view name, std::string_view like) {
  if (std::ranges::find(buckets, name, &Bucket::name) != buckets.end()) return;
  const auto found = std::ranges::find(buckets, like, &Bucket::name);
  Bucket added{std::string(name),
               found == buckets.end() ? std::string(kEpoch) : found->creation_date};
  const auto place =
      std::ranges::find_if(buckets, [name](const Bucket& bucket) { return bucket.name > name; });
  buckets.insert(place, std::move(added));
}

}  // namespace cachey::api::s3
