#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http/http.h"

namespace cachey::api::s3 {

/// What a request's Cache-Control asks of a cache (RFC 9111 5.2.1). Names are taken in any case;
/// values may be quoted; lines may be repeated or joined by commas. If directives contradict each
/// other, the stricter one counts. Those that allow more than the endpoint's own rules do
/// (`max-stale`), that are about the body (`no-transform`), and unknown ones are ignored; so is
/// `min-fresh`, because an object's own Cache-Control is not obeyed here. Immutable once made.
struct RequestCacheControl {
  using Seconds = std::chrono::duration<int32_t>;

  /// An answer must not be older: the store said so at most this time before the request.
  /// 0: `no-cache`, or `max-age=0`, or a `max-age` that is no number. At most kAgeMax.
  std::optional<Seconds> age_max;
  bool no_store = false;        ///< the answer must be neither kept nor made of what is kept
  bool only_if_cached = false;  ///< nothing must be asked of the store

  /// A larger `max-age` is this one.
  static constexpr Seconds kAgeMax{365 * 24 * 3600};

  /// What the field says, in addition: of a Cache-Control, or of `Pragma: no-cache`. Most fields
  /// are neither.
  void add(const net::Field& field) {
    if (field.name == "cache-control") {
      add(field.value);
    } else if (field.name == "pragma") {
      add_pragma(field.value);
    }
  }
  /// One Cache-Control line's directives, in addition.
  void add(std::string_view line);

  friend bool operator==(const RequestCacheControl&, const RequestCacheControl&) = default;

 private:
  void add_pragma(std::string_view value);
  void add_directive(std::string_view directive);
  void allow(Seconds age) { age_max = age_max ? std::min(*age_max, age) : age; }
};

}  // namespace cachey::api::s3
