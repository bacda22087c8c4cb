#include "aws/xml_text.h"

#include "base/escape.h"

namespace cachey::aws {
namespace {

/// U+FFFE and U+FFFF: valid in UTF-8, not allowed in XML.
bool is_noncharacter(std::string_view text) {
  return text.starts_with("\xEF\xBF\xBE") || text.starts_with("\xEF\xBF\xBF");
}

}  // namespace

std::string xml_declaration() { return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"; }

void append_xml_text(std::string_view text, std::string& xml) {
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

void append_xml_element(std::string_view name, std::string_view value, std::string& xml) {
  xml.append("<").append(name).append(">");
  append_xml_text(value, xml);
  xml.append("</").append(name).append(">");
}

std::string_view local_name(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

}  // namespace cachey::aws
