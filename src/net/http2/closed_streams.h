#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cachey::net::http2 {

/// Judges HEADERS and DATA on streams that are closed (RFC 9113 5.1). After our RST_STREAM such
/// frames may be on their way. After the client's END_STREAM or RST_STREAM, and on a stream that
/// the client has passed over, they are an error of the connection. Owned by Session; one thread.
class ClosedStreams {
 public:
  /// Resets of ours that are remembered. Frames on streams up to the last forgotten one are taken
  /// for frames on their way.
  static constexpr size_t kResetsMax = 256;

  enum class Verdict : uint8_t {
    kOnItsWay,    ///< ignore the frame
    kClosed,      ///< STREAM_CLOSED
    kPassedOver,  ///< the client has opened a later stream, and never this one: PROTOCOL_ERROR
  };

  /// The client opens a stream. REQUIRES: `stream_id` is larger than last().
  void opened(int32_t stream_id) {
    if (stream_id > last_ + 2) gap_begin_ = last_ + 2;
    if (stream_id > last_ + 2) gap_end_ = stream_id;
    last_ = stream_id;
  }
  /// The last stream that the client has opened.
  [[nodiscard]] int32_t last() const { return last_; }

  void reset_by_us(int32_t stream_id) {
    if (resets_.size() == kResetsMax) {
      forgotten_ = std::max(forgotten_, resets_.front());
      resets_.erase(resets_.begin());
    }
    resets_.push_back(stream_id);
  }

  /// For a frame on a closed stream of the client up to last().
  [[nodiscard]] Verdict judge(int32_t stream_id) const {
    if (stream_id <= forgotten_ || std::ranges::find(resets_, stream_id) != resets_.end()) {
      return Verdict::kOnItsWay;
    }
    const bool passed_over = stream_id >= gap_begin_ && stream_id < gap_end_;
    return passed_over ? Verdict::kPassedOver : Verdict::kClosed;
  }

 private:
  int32_t last_ = -1;
  int32_t gap_begin_ = 0;  // the last streams that were passed over: up to gap_end_
  int32_t gap_end_ = 0;
  int32_t forgotten_ = 0;
  std::vector<int32_t> resets_;
};

}  // namespace cachey::net::http2
