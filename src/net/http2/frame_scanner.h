#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cachey::net::http2 {

/// The head of a frame (RFC 9113 4.1), without its flags.
struct FrameHead {
  uint32_t length = 0;
  uint8_t type = 0;
  int32_t stream_id = 0;
};

/// Finds the heads of frames in a client's bytes, after the preface. nghttp2 has a callback for a
/// frame's head too, but not for frames that nghttp2 ignores. Owned by Session; one thread.
class FrameScanner {
 public:
  /// Advances to the next place where a head begins or ends, or to the end of `bytes`. Returns how
  /// many bytes that is, at least 1. REQUIRES: `bytes` is not empty.
  [[nodiscard]] size_t advance(std::span<const char> bytes) {
    if (skip_ != 0) {
      const size_t skipped = std::min(skip_, bytes.size());
      skip_ -= skipped;
      return skipped;
    }
    const size_t taken = std::min(kHeadBytes - have_, bytes.size());
    std::copy_n(bytes.begin(), taken, text_.begin() + static_cast<ptrdiff_t>(have_));
    have_ += taken;
    if (has_head()) skip_ = head().length;
    return taken;
  }

  /// The last advance() ended behind a whole head.
  [[nodiscard]] bool has_head() const { return have_ == kHeadBytes; }
  /// REQUIRES: has_head().
  [[nodiscard]] FrameHead head() const {
    const auto number = [this](size_t at, size_t bytes) {
      uint32_t value = 0;
      for (size_t i = at; i < at + bytes; ++i) value = value << 8 | static_cast<uint8_t>(text_[i]);
      return value;
    };
    return {number(0, 3), static_cast<uint8_t>(text_[3]),
            static_cast<int32_t>(number(5, 4) & 0x7fffffff)};
  }
  void drop_head() { have_ = 0; }

 private:
  static constexpr size_t kHeadBytes = 9;
  static constexpr size_t kPrefaceBytes = 24;

  size_t skip_ = kPrefaceBytes;  // bytes until the next head
  size_t have_ = 0;              // of text_
  std::array<char, kHeadBytes> text_;
};

}  // namespace cachey::net::http2
