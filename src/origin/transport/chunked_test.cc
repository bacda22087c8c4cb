#include "origin/transport/chunked.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "origin/testing/decode_chunked.h"

namespace cachey::origin {
namespace {

TEST(ChunkDecoder, DecodesWhateverThePieces) {
  const std::string coded =
      "5\r\nhello\r\n1;name=value\r\n \r\n00A \t\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: "
      "y\r\n\r\n";
  for (size_t piece = 1; piece <= coded.size(); ++piece) {
    EXPECT_EQ(decode_chunked(coded, piece), "hello 0123456789") << piece;
  }
  EXPECT_EQ(decode_chunked("0\r\n\r\n", 3), "");
}

TEST(ChunkDecoder, RefusesBadFraming) {
  for (const std::string coded :
       {"", "5\r\nhello\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n", "x\r\n", "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5;\nhello\r\n0\r\n\r\n",
        "1000000000000000\r\n", "0\r\n\r\nmore", "0\r\n\n", "5\rhello\r\n0\r\n\r\n",
        "0\r\na: b\n\r\n"}) {
    EXPECT_FALSE(decode_chunked(coded, 7).has_value()) << coded;
  }
  EXPECT_FALSE(
      decode_chunked("1;" + std::string(20'000, 'x') + "\r\na\r\n0\r\n\r\n", 1000).has_value());
}

}  // namespace
}  // namespace cachey::origin
