#include "origin/transport/chunked.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace cachey::origin {
namespace {

/// Decodes `coded` in pieces of `piece` bytes. Nothing if the coding is broken or unfinished.
std::optional<std::string> decode(std::string_view coded, size_t piece) {
  ChunkDecoder decoder;
  std::string data;
  while (!coded.empty()) {
    std::string_view part = coded.substr(0, piece);
    coded.remove_prefix(part.size());
    while (!part.empty()) {
      switch (decoder.state()) {
        case ChunkDecoder::State::kFraming:
          part.remove_prefix(decoder.take_framing(part));
          break;
        case ChunkDecoder::State::kData: {
          const std::string_view taken = part.substr(0, decoder.data_left());
          data += taken;
          decoder.took_data(taken.size());
          part.remove_prefix(taken.size());
          break;
        }
        case ChunkDecoder::State::kEnd:
        case ChunkDecoder::State::kBroken:
          return std::nullopt;
      }
    }
  }
  if (decoder.state() != ChunkDecoder::State::kEnd) return std::nullopt;
  return data;
}

TEST(ChunkDecoder, DecodesWhateverThePieces) {
  const std::string coded =
      "5\r\nhello\r\n1;name=value\r\n \r\n00A \t\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: "
      "y\r\n\r\n";
  for (size_t piece = 1; piece <= coded.size(); ++piece) {
    EXPECT_EQ(decode(coded, piece), "hello 0123456789") << piece;
  }
  EXPECT_EQ(decode("0\r\n\r\n", 3), "");
}

TEST(ChunkDecoder, RefusesBadFraming) {
  for (const std::string coded :
       {"", "5\r\nhello\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n", "x\r\n", "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5;\nhello\r\n0\r\n\r\n",
        "1000000000000000\r\n", "0\r\n\r\nmore", "0\r\n\n", "5\rhello\r\n0\r\n\r\n",
        "0\r\na: b\n\r\n"}) {
    EXPECT_FALSE(decode(coded, 7).has_value()) << coded;
  }
  EXPECT_FALSE(decode("1;" + std::string(20'000, 'x') + "\r\na\r\n0\r\n\r\n", 1000).has_value());
}

}  // namespace
}  // namespace cachey::origin
