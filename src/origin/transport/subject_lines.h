#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachey::origin {

/// Collects the fields of an answer that are about its subject, for a client of ours. Left out are
/// the fields of the connection and those that a Connection field names (RFC 9110 7.6.1), of the
/// framing, of the server and its ways (Date, Server, Via, Set-Cookie, Age, Alt-Svc, HSTS,
/// x-rgw-*), the ids of the request, and the region of the store's bucket: ours is told.
class SubjectLines {
 public:
  /// Call before each line that is not folded.
  void begin_line() { last_ = std::string::npos; }
  /// Keeps the field if its name is a token of the subject. Once a line. REQUIRES: `value` has no
  /// control characters but tabs.
  void take(std::string_view name, std::string_view value);
  /// Drops the line's field, if that was kept: its value goes on in a folded line.
  void drop_line();

  /// `Name: value\r\n` for each, verbatim and in their order. Call once.
  [[nodiscard]] std::string finish();

 private:
  void take_options(std::string_view options);

  std::string text_;
  size_t last_ = std::string::npos;  // where the line's field begins; npos: it is not kept
  std::string hop_by_hop_;           // names that Connection lists, in lower case: `,a,b,`
};

}  // namespace cachey::origin
