#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "net/http/http.h"

/// The head of an HTTP/1 request: where it ends, and what it says. Pure functions of the bytes. The
/// grammar is strict: bytes that two parsers could read differently allow request smuggling, so
/// they are refused, never repaired.
namespace cachey::net {

/// Why a head is refused. The answer is 431 to kTooLarge and kTooManyFields, 400 to the rest.
enum class HeadFault : uint8_t {
  kNone,
  kBareLf,
  kBareCr,
  kBadRequestLine,
  kBadTarget,
  kUnknownVersion,
  kFolded,
  kNoColon,
  kEmptyName,
  kSpaceBeforeColon,
  kBadName,
  kControlCharacter,
  kNoHost,
  kTwoHosts,
  kBadHost,
  kBadContentLength,
  kTwoContentLengths,
  kBadTransferEncoding,
  kTwoFramings,
  kTooLarge,
  kTooManyFields,
};

/// One line of text for the client.
[[nodiscard]] std::string_view to_string(HeadFault fault);
/// The status that refuses such a head: 400, 431 or 505.
[[nodiscard]] unsigned status_of(HeadFault fault);

/// At most this many fields in a head: a list of them takes 100 * 32 B.
inline constexpr size_t kHeadFieldsMax = 100;

/// Finds the end of a head in bytes that come in pieces. Looks at each byte once. Each head needs a
/// new scanner.
class HeadScanner {
 public:
  enum class State : uint8_t { kMore, kWhole, kFault };

  /// `bytes`: all bytes so far, from the first byte of the head on.
  State scan(std::string_view bytes);

  /// The head is bytes [begin, end). It includes the empty line at its end, but not an empty line
  /// before the request line. REQUIRES: kWhole.
  [[nodiscard]] size_t begin() const { return begin_; }
  [[nodiscard]] size_t end() const { return line_; }
  /// REQUIRES: kFault.
  [[nodiscard]] HeadFault fault() const { return fault_; }

 private:
  size_t begin_ = 0;    // 2 if an empty line stands before the request line
  size_t line_ = 0;     // start of the current line
  size_t scanned_ = 0;  // the current line has no LF before this
  HeadFault fault_ = HeadFault::kNone;
};

/// What a head says about the connection and the message. All else is in the fields.
struct RequestHead {
  Method method = Method::kOther;
  std::string_view method_name;  ///< as sent
  bool http_1_0 = false;
  bool keep_alive = false;  ///< another request may follow: HTTP/1.0 must ask, HTTP/1.1 may decline
  bool has_body = false;
  bool takes_trailers = false;
  std::string_view target;  ///< origin-form or `*`
};

/// Parses a whole head, as found by HeadScanner. Changes names of fields to lower case in place.
/// `head` and `fields` point into `text`; after a fault they are unspecified.
[[nodiscard]] HeadFault parse_head(std::span<char> text, RequestHead& head,
                                   std::vector<Field>& fields);

// For HTTP/2, which frames its heads differently.

/// `target` is a path, or `*` if the method is neither GET nor HEAD.
[[nodiscard]] bool is_origin_form(Method method, std::string_view target);
/// Every byte of `text` is allowed in a host with port.
[[nodiscard]] bool is_host(std::string_view text);
[[nodiscard]] Method method_of(std::string_view name);

}  // namespace cachey::net
