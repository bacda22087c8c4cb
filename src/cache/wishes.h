#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace cachey::cache {

/// A client's demands on one read, beside its range and the terms of its misses. Requests share
/// fills, so wishes change the answer of one request, never a page.
struct Wishes {
  /// Only the bytes of the range come from the store and are kept (`C0-Exact`).
  bool exact = false;
  /// Nothing is asked of the store (`Cache-Control: only-if-cached`).
  bool only_if_cached = false;
  /// The reason for only_if_cached: the client may have no further miss now.
  bool limited = false;
  /// The pages of the range are to be cached for later readers: the request itself uses no page
  /// (`warm=1` in `C0-Config`).
  bool warm = false;
  /// The object's size, as the client knows it (`C0-Object-Size`).
  std::optional<uint64_t> object_size;
  /// Only versions and bytes of the request's own buckets are used. Pages from the kind's other
  /// buckets are fetched again.
  bool own_buckets = false;

  /// Why a request with only_if_cached fails. `text`: for a client that has asked for this.
  [[nodiscard]] Error not_cached(const char* text) const {
    if (!limited) return {ErrorKind::kNotCached, text};
    return Error::limited("this client has too many misses under way; try again soon",
                          std::chrono::seconds(1));
  }

  friend bool operator==(const Wishes&, const Wishes&) = default;
};

}  // namespace cachey::cache
