#pragma once

#include <cstdint>
#include <string_view>

namespace cachey::origin {

/// Decodes the chunked transfer coding, in pieces of any size. Keeps none of the chunks' data: the
/// caller takes the data, if possible straight from the transport.
class ChunkDecoder {
 public:
  enum class State {
    kFraming,  ///< take_framing() needs more bytes
    kData,     ///< the next data_left() bytes are data
    kEnd,      ///< the last chunk and the trailers have been read
    kBroken,
  };

  [[nodiscard]] State state() const { return state_; }
  /// Bytes left in the current chunk. REQUIRES: kData.
  [[nodiscard]] uint64_t data_left() const { return data_left_; }

  /// Reads framing from the front of `bytes`, up to the next data, to the end of the body or to the
  /// end of `bytes`. Returns the number of bytes read. REQUIRES: kFraming.
  size_t take_framing(std::string_view bytes);

  /// The caller has taken `bytes` bytes of data. REQUIRES: kData, at most data_left().
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

  // Extensions and trailers are skipped, up to this many bytes of a body.
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
