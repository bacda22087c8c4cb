#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "net/http/http.h"

/// The head of an HTTP/1 request: where it ends, and what it says. Pure functions of the bytes, in
/// one strict grammar: what two readers of the same bytes could understand differently (and so
/// smuggle one request inside another) is refused, never repaired.
namespace cachey::net {

/// Why a head is refused. Each but kTooLarge and kTooManyFields is answered 400.
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

/// One line for the client.
[[nodiscard]] std::string_view to_string(HeadFault fault);

/// A head has no more fields than this, so that a list of fields stays small: 100 * 32 B.
inline constexpr size_t kHeadFieldsMax = 100;

/// Finds the end of a head in bytes that come in pieces; looks at no byte twice. One head each:
/// make a new one for the next.
class HeadScanner {
 public:
  enum class State : uint8_t { kMore, kWhole, kFault };

  /// `bytes`: all that has come in so far, from the head's first byte on.
  State scan(std::string_view bytes);

  /// The head is bytes [begin, end), with the empty line that ends it and without the one that may
  /// stand before it. REQUIRES: kWhole.
  [[nodiscard]] size_t begin() const { return begin_; }
  [[nodiscard]] size_t end() const { return line_; }
  /// REQUIRES: kFault.
  [[nodiscard]] HeadFault fault() const { return fault_; }

 private:
  size_t begin_ = 0;    // 2 where an empty line stands before the request line
  size_t line_ = 0;     // where the current line begins
  size_t scanned_ = 0;  // no line ends before here
  HeadFault fault_ = HeadFault::kNone;
};

/// What a head says about the connection and the message; the rest is in the fields.
struct RequestHead {
  Method method = Method::kOther;
  bool http_1_0 = false;
  bool keep_alive =
      false;  ///< the client wants, or as HTTP/1.0 asks for, another request after this
  bool has_body = false;
  bool takes_trailers = false;
  std::string_view target;  ///< origin-form or `*`
};

/// Reads a whole head, as HeadScanner found it. Lower-cases the fields' names in place; `head` and
/// `fields` point into `text`. After a fault, what is in them means nothing.
[[nodiscard]] HeadFault parse_head(std::span<char> text, RequestHead& head,
                                   std::vector<Field>& fields);

/// For versions that frame their heads otherwise. `target` is a path, or `*` where the method is
/// neither GET nor HEAD.
[[nodiscard]] bool is_origin_form(Method method, std::string_view target);
/// `text` has no byte that a host with its port cannot have.
[[nodiscard]] bool is_host(std::string_view text);
[[nodiscard]] Method method_of(std::string_view name);

}  // namespace cachey::net
