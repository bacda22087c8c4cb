#include "net/http2/frame_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/testing/test_http2_client.h"

namespace cachey::net::http2 {
namespace {

using Wire = TestHttp2Wire;

/// The heads in `bytes`, which come `step` bytes at a time.
std::vector<FrameHead> heads_of(const std::string& bytes, size_t step) {
  FrameScanner scanner;
  std::vector<FrameHead> heads;
  for (size_t begin = 0; begin < bytes.size(); begin += step) {
    const std::string piece = bytes.substr(begin, step);
    for (size_t at = 0; at < piece.size();) {
      at += scanner.advance(std::span(piece).subspan(at));
      if (!scanner.has_head()) continue;
      heads.push_back(scanner.head());
      scanner.drop_head();
    }
  }
  return heads;
}

TEST(FrameScanner, FindsEveryHeadHoweverTheBytesCome) {
  const std::string bytes =
      std::string(Wire::kPreface) + Wire::frame(NGHTTP2_SETTINGS, 0, 0, "123456") +
      Wire::frame(NGHTTP2_DATA, 1, 0xffffffff, "") +
      Wire::frame(NGHTTP2_HEADERS, 5, 1, std::string(70'000, 'x')) + Wire::frame(0x42, 0, 3, "y");
  for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, size_t{8}, size_t{9}, size_t{10},
                            size_t{24}, size_t{33}, bytes.size()}) {
    const std::vector<FrameHead> heads = heads_of(bytes, step);
    ASSERT_EQ(heads.size(), 4u) << step;
    EXPECT_EQ(heads[0].type, NGHTTP2_SETTINGS);
    EXPECT_EQ(heads[0].length, 6u);
    EXPECT_EQ(heads[0].stream_id, 0);
    EXPECT_EQ(heads[1].length, 0u);
    EXPECT_EQ(heads[1].stream_id, 0x7fffffff);
    EXPECT_EQ(heads[2].type, NGHTTP2_HEADERS);
    EXPECT_EQ(heads[2].length, 70'000u);
    EXPECT_EQ(heads[3].type, 0x42);
    EXPECT_EQ(heads[3].stream_id, 3);
  }
}

}  // namespace
}  // namespace cachey::net::http2
