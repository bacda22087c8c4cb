#pragma once

#include <cstddef>

#include "base/check.h"

namespace cachey::net {

/// The memory of the open HTTP/2 requests of one worker, and each connection's share of it. A
/// connection may have 1 / kShare of the bytes that are free before a request, so that many busy
/// connections leave room for others (A. K. Choudhury, E. L. Hahne, "Dynamic queue length
/// thresholds for shared-memory packet switches", IEEE/ACM ToN 6(2), 1998): of n connections that
/// take all they can again and again, each has 1 / (kShare + n) in the end, and kShare times as
/// much stays free. What one request may need is every connection's, even past kBytesMax:
/// connections have their own limit. Owned by WorkerState; the worker's thread.
class RequestMemory {
 public:
  static constexpr size_t kBytesMax = size_t{64} << 20;
  static constexpr size_t kShare = 32;

  /// The share of one connection. Owned by its session; every taken byte is given back before its
  /// end.
  class Share {
   public:
    /// `own_bytes`: what one request may need.
    Share(RequestMemory& all, size_t own_bytes) : all_(all), own_bytes_(own_bytes) {}
    ~Share() { CHECK(bytes_ == 0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// False: the share is used up.
    [[nodiscard]] bool take(size_t bytes) {
      const size_t free = all_.bytes_ < kBytesMax ? kBytesMax - all_.bytes_ : 0;
      if (bytes_ + bytes > own_bytes_ && bytes_ + bytes > free / kShare) return false;
      bytes_ += bytes;
      all_.bytes_ += bytes;
      return true;
    }
    void give_back(size_t bytes) {
      bytes_ -= bytes;
      all_.bytes_ -= bytes;
    }
    [[nodiscard]] size_t bytes() const { return bytes_; }

   private:
    RequestMemory& all_;
    const size_t own_bytes_;
    size_t bytes_ = 0;
  };

  /// Of all connections.
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

}  // namespace cachey::net
