#pragma once

#include <cstdint>
#include <optional>

namespace cachey::cache {

/// What a client asks of one read beside its range and the terms of its misses. Fills are shared,
/// so that wishes decide what a request gets, and not what a page is.
struct Wishes {
  /// Only the bytes of the range come from the store and are kept (`C0-Exact`).
  bool exact = false;
  /// Nothing is asked of the store (`Cache-Control: only-if-cached`).
  bool only_if_cached = false;
  /// The pages of the range are to be cached for later readers: the request itself uses no page
  /// (`warm=1` in `C0-Config`).
  bool warm = false;
  /// The object's size, as the client knows it (`C0-Object-Size`).
  std::optional<uint64_t> object_size;
  /// Versions and bytes of the request's own buckets alone will do, whatever the kind's other
  /// buckets hold. Pages of others are fetched anew.
  bool own_buckets = false;

  friend bool operator==(const Wishes&, const Wishes&) = default;
};

}  // namespace cachey::cache
