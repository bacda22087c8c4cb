#include "aws/error_document.h"

#include <pugixml.hpp>

#include "base/ascii.h"

namespace cachey::aws {
namespace {

/// `Code` of `Code` and of `s3:Code`.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  const auto size = parse_number<int64_t>(text);
  return size && *size >= 0 ? std::optional<uint64_t>(*size) : std::nullopt;
}

}  // namespace

ErrorDocument parse_error_document(std::string_view body) {
  ErrorDocument parsed;
  pugi::xml_document xml;
  const unsigned options = pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata;
  if (!xml.load_buffer(body.data(), body.size(), options, pugi::encoding_utf8)) return parsed;
  const pugi::xml_node root = xml.document_element();
  if (local_name(root) != "Error") return parsed;
  for (const pugi::xml_node& child : root.children()) {
    const std::string_view name = local_name(child);
    const std::string_view value = child.child_value();
    if (name == "Code") parsed.code = value;
    if (name == "Message") parsed.message = value;
    if (name == "RequestId") parsed.request_id = value;
    if (name == "Region") parsed.region = value;
    if (name == "ActualObjectSize") parsed.actual_object_size = parse_size(value);
  }
  return parsed;
}

}  // namespace cachey::aws
