#pragma once

#include <cstdint>
#include <string_view>

namespace cachey::origin {

/// Takes the chunked transfer coding apart, whatever pieces it comes in. The bytes of the chunks
/// are not kept here: the caller takes them, straight from the transport where it can.
class ChunkDecoder {
 public:
  enum class State {
    kFraming,  ///< more bytes of framing are wanted
    kData,     ///< data_left() bytes of data come next
    kEnd,      ///< the last chunk and the trailers have been read
    kBroken,
  };

  [[nodiscard]] State state() const { return state_; }
  /// Of the chunk that is being read. REQUIRES: kData.
  [[nodiscard]] uint64_t data_left() const { return data_left_; }

  /// Reads framing from the front of `bytes` up to the next data, the end or the end of `bytes`,
  /// and says how many it took. REQUIRES: kFraming.
  size_t take_framing(std::string_view bytes);

  /// The caller has taken that many bytes of data. REQUIRES: kData, at most data_left().
  void took_data(uint64_t bytes);

 private:
  enum class Expect {
    kSize,
    kExtension,
    kSizeLineFeed,
    kDataReturn,
    kDataLineFeed,
    kTrailer,
    kTrailerLineFeed
  };

  // Extensions and trailers are skipped; no server sends long ones.
  static constexpr size_t kSkippedBytesMax = 16 * 1024;

  void take(char c);
  void take_size(char c);
  void take_trailer(char c);
  void skip();
  void end_size_line();

  State state_ = State::kFraming;
  Expect expect_ = Expect::kSize;
  uint64_t data_left_ = 0;
  int size_digits_ = 0;
  size_t skipped_bytes_ = 0;
  size_t trailer_line_bytes_ = 0;
};

}  // namespace cachey::origin
