#pragma once

#include <string>
#include <string_view>

namespace cachey::net::http1 {

/// `HTTP/1.1 206 Partial Content\r\n`. A status without a name of ours is called Status.
[[nodiscard]] std::string_view status_line(unsigned status, std::string& scratch);

/// A whole response of one line of text, after which the connection closes. `date_line` ends in CR
/// LF; `more` is further field lines, each with its CR LF, or nothing.
[[nodiscard]] std::string closing_response(unsigned status, std::string_view line,
                                           std::string_view date_line, std::string_view more = {});

}  // namespace cachey::net::http1
