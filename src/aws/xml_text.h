#pragma once

#include <string>
#include <string_view>

/// Text in XML documents. Pure.
namespace cachey::aws {

/// The first line of a document, with its end.
[[nodiscard]] std::string xml_declaration();

/// Appends `text`, escaped. Drops characters that XML does not allow: control characters, broken
/// UTF-8.
void append_xml_text(std::string_view text, std::string& xml);

/// Appends `<name>value</name>`. REQUIRES: `name` is an XML name.
void append_xml_element(std::string_view name, std::string_view value, std::string& xml);

/// The name without its namespace prefix: `Code` for `s3:Code`.
[[nodiscard]] std::string_view local_name(std::string_view name);

}  // namespace cachey::aws
