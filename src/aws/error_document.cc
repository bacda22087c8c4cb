#include "aws/error_document.h"

#include <pugixml.hpp>

#include "base/ascii.h"
#include "base/escape.h"

namespace cachey::aws {
namespace {

/// The name without its namespace prefix: `Code` for `s3:Code`.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  const auto size = parse_number<int64_t>(text);
  return size && *size >= 0 ? std::optional<uint64_t>(*size) : std::nullopt;
}

/// U+FFFE and U+FFFF: valid in UTF-8, not allowed in XML.
bool is_noncharacter(std::string_view text) {
  return text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF");
}

void append_escaped(std::string_view text, std::string& xml) {
  const bool utf8 = is_utf8(text);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      xml += "&amp;";
    } else if (c == '<') {
      xml += "&lt;";
    } else if (c == '>') {
      xml += "&gt;";
    } else if (c == '\r') {
      xml += "&#13;";  // unescaped, XML readers turn it into a line feed
    } else if (byte >= 0x80 && (!utf8 || is_noncharacter(text.substr(i)))) {
      if (utf8) i += 2;
    } else if (byte >= 0x20 || c == '\t' || c == '\n') {
      xml += c;
    }
  }
}

void append_element(std::string_view name, std::string_view value, std::string& xml) {
  xml.append("<").append(name).append(">");
  append_escaped(value, xml);
  xml.append("</").append(name).append(">");
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
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>";
  append_element("Code", document.code, xml);
  append_element("Message", document.message, xml);
  if (!document.region.empty()) append_element("Region", document.region, xml);
  if (document.actual_object_size)
    append_element("ActualObjectSize", std::to_string(*document.actual_object_size), xml);
  for (const ErrorDetail& detail : document.details) append_element(detail.name, detail.value, xml);
  if (!document.request_id.empty()) append_element("RequestId", document.request_id, xml);
  if (!document.host_id.empty()) append_element("HostId", document.host_id, xml);
  xml += "</Error>";
  return xml;
}

}  // namespace cachey::aws
