#pragma once

#include <string>
#include <string_view>

namespace cachey::net::http1 {

/// `HTTP/1.1 206 Partial Content\r\n`. The reason phrase of an unknown status is `Status`; its line
/// is formatted in `scratch`.
[[nodiscard]] std::string_view status_line(unsigned status, std::string& scratch);

/// A whole response with `line` as its body and `Connection: close`. `date_line` ends in CR LF.
/// `more`: further field lines, each with CR LF, or empty.
[[nodiscard]] std::string closing_response(unsigned status, std::string_view line,
                                           std::string_view date_line, std::string_view more = {});

}  // namespace cachey::net::http1
