#include "aws/error_document.h"

#include <pugixml.hpp>

#include "aws/xml_text.h"
#include "base/ascii.h"

namespace cachey::aws {
namespace {

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
  if (local_name(root.name()) != "Error") return parsed;
  for (const pugi::xml_node& child : root.children()) {
    const std::string_view name = local_name(child.name());
    const std::string_view value = child.child_value();
    if (name == "Code") {
      parsed.code = value;
    } else if (name == "Message") {
      parsed.message = value;
    } else if (name == "RequestId") {
      parsed.request_id = value;
    } else if (name == "HostId") {
      parsed.host_id = value;
    } else if (name == "Region") {
      parsed.region = value;
    } else if (name == "ActualObjectSize") {
      parsed.actual_object_size = parse_size(value);
    } else if (!name.empty() && parsed.details.size() < kErrorDetailsMax) {
      parsed.details.push_back({std::string(name), std::string(value)});
    }
  }
  return parsed;
}

std::string write_error_document(const ErrorDocument& document) {
  std::string xml = xml_declaration() + "<Error>";
  append_xml_element("Code", document.code, xml);
  append_xml_element("Message", document.message, xml);
  if (!document.region.empty()) append_xml_element("Region", document.region, xml);
  if (document.actual_object_size)
    append_xml_element("ActualObjectSize", std::to_string(*document.actual_object_size), xml);
  for (const ErrorDetail& detail : document.details)
    append_xml_element(detail.name, detail.value, xml);
  if (!document.request_id.empty()) append_xml_element("RequestId", document.request_id, xml);
  if (!document.host_id.empty()) append_xml_element("HostId", document.host_id, xml);
  xml += "</Error>";
  return xml;
}

}  // namespace cachey::aws
