// Tails: the last bytes of an object whose size is not known.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;

TEST(S3Tails, BringTheBytesAndTheirPlace) {
  std::string asked;
  ScriptedServer server([&asked](Peer& peer, int) {
    asked = peer.read_request();
    peer.send(
        "HTTP/1.1 206 x\r\nContent-Range: bytes 90-99/100\r\nContent-Length: 10\r\n"
        "ETag: \"v1\"\r\n\r\n0123456789");
  });
  S3Harness s3(server.port());
  GetRequest request = S3Harness::request({0, 10});
  request.ask = Ask::kTail;
  const Fetched got = s3.fetch(std::move(request));
  s3.stop();
  ASSERT_TRUE(got.ok) << got.message;
  EXPECT_EQ(got.body, "0123456789");
  EXPECT_EQ(got.range, (ByteRange{90, 100}));
  EXPECT_EQ(got.info.size, 100u);
  EXPECT_THAT(asked, HasSubstr("range: bytes=-10\r\n"));
}

TEST(S3Tails, OfAnEmptyObjectAre416WhateverTheAnswerSaysOfItsSize) {
  ScriptedServer server([](Peer& peer, int) {
    (void)peer.read_request();
    peer.send(error_response("416 Range", "InvalidRange"));
  });
  S3Harness s3(server.port());
  GetRequest request = S3Harness::request({0, 10});
  request.ask = Ask::kTail;
  const Fetched got = s3.fetch(std::move(request));
  s3.stop();
  EXPECT_EQ(got.error, ErrorKind::kRangeNotSatisfiable);
  EXPECT_EQ(got.object_size, 0u);
}

}  // namespace
}  // namespace cachey::origin
