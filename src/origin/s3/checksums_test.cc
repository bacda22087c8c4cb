#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/digest.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kContent = "Hello world";

/// A store that sends bytes [first, last] of kContent with more headers.
class S3Checksums : public ::testing::Test {
 protected:
  Fetched fetch(const std::string& headers, size_t first = 0, size_t size = kContent.size()) {
    ScriptedServer server([&](Peer& peer, int) {
      for (int at = 0;; ++at) {
        const std::string request = peer.read_request();
        if (request.empty()) return;
        requests_seen_.push_back(request);
        std::string content = kContent;
        if (at < damaged_) content[0] = 'J';
        peer.send(response(
            changed_ >= 0 && at >= changed_ ? "412 Precondition Failed" : "206 Partial Content",
            fmt::format("Content-Range: bytes {}-{}/{}\r\n{}", first, first + size - 1,
                        kContent.size(), headers),
            content.substr(first, size)));
      }
    });
    S3Harness s3(server.port());
    s3.config.checksum_mode = checksum_mode_;
    requests_seen_.clear();
    const Fetched fetched = s3.fetch(S3Harness::request({first, first + size}));
    if (twice_) EXPECT_TRUE(s3.fetch(S3Harness::request({first, first + size})).ok);
    failures_ = s3.counters().checksum_failures.load();
    requests_ = s3.counters().requests.load();
    s3.stop();
    return fetched;
  }

  bool checksum_mode_ = true;
  int damaged_ = 0;     // the number of answers, from the first, with a wrong first byte
  int changed_ = -1;    // from this answer on the object has another version
  bool twice_ = false;  // the object is fetched again, and that succeeds
  std::vector<std::string> requests_seen_;
  uint64_t failures_ = 0;
  uint64_t requests_ = 0;
};

TEST_F(S3Checksums, EachAlgorithmIsChecked) {
  const std::pair<const char*, const char*> right[] = {
      {"crc32", "i9aeUg=="},
      {"crc32c", "crUfeA=="},
      {"crc64nvme", "OOJZ0D8xKts="},
      {"sha1", "e1AsOh9IyGCa4hLN+2Od7jlnP14="},
      {"sha256", "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw="}};
  for (const auto& [name, value] : right) {
    SCOPED_TRACE(name);
    const Fetched good = fetch(fmt::format("x-amz-checksum-{}: {}\r\n", name, value));
    EXPECT_TRUE(good.ok) << good.message;
    damaged_ = 1;
    const Fetched bad = fetch(fmt::format("X-Amz-Checksum-{}: {}\r\n", name, value));
    damaged_ = 0;
    EXPECT_TRUE(bad.has_head);
    EXPECT_EQ(bad.error, ErrorKind::kDamaged);
    EXPECT_THAT(bad.message, HasSubstr(name));
    EXPECT_EQ(failures_, 1u);
  }
}

constexpr const char* kWrongSum = "x-amz-checksum-crc32: AAAAAA==\r\nETag: \"v1\"\r\n";

TEST_F(S3Checksums, BytesThatComeTwiceAreBelievedBeforeTheirSum) {
  twice_ = true;
  const Fetched fetched = fetch(kWrongSum);
  EXPECT_TRUE(fetched.ok) << fetched.message;
  EXPECT_EQ(fetched.body, kContent);
  EXPECT_EQ(failures_, 0u);
  ASSERT_EQ(requests_seen_.size(), 3u) << "the object's sum is not checked any more";
  EXPECT_THAT(requests_seen_[1], HasSubstr("\r\nif-match: \"v1\"\r\n"));
  EXPECT_THAT(requests_seen_[1], Not(HasSubstr("x-amz-checksum-mode")));
  EXPECT_THAT(requests_seen_[2], HasSubstr("\r\nx-amz-checksum-mode: ENABLED\r\n"));
}

TEST_F(S3Checksums, BytesThatDoNotComeAgainAreDamaged) {
  damaged_ = 1;
  EXPECT_EQ(fetch(kWrongSum).error, ErrorKind::kDamaged);
  EXPECT_EQ(requests_, 2u);
  damaged_ = 0;
  changed_ = 1;
  EXPECT_EQ(fetch(kWrongSum).error, ErrorKind::kDamaged);
  EXPECT_EQ(requests_, 3u) << "the last one without If-Match";
}

TEST_F(S3Checksums, OnlyThePreferredOneIsChecked) {
  EXPECT_TRUE(fetch("x-amz-checksum-sha256: AAAA\r\nx-amz-checksum-crc32: AAAAAA==\r\n"
                    "x-amz-checksum-crc32c: crUfeA==\r\n")
                  .ok);
}

TEST_F(S3Checksums, WhatSaysNothingOfTheseBytesIsPassedOver) {
  EXPECT_TRUE(fetch("x-amz-checksum-crc32: AAAAAA==-2\r\n").ok);
  EXPECT_TRUE(fetch("x-amz-checksum-crc32: AAAAAA==\r\nx-amz-checksum-type: COMPOSITE\r\n").ok);
  EXPECT_TRUE(fetch("x-amz-checksum-crc32: no base64\r\n").ok);
  EXPECT_TRUE(fetch("x-amz-checksum-md5: AAAA\r\nx-amz-checksum-xxhash64: AAAA\r\n").ok);
  EXPECT_TRUE(fetch("x-amz-checksum-crc32: AAAAAA==\r\n", 3, 4).ok) << "the whole object's sum";
  EXPECT_TRUE(
      fetch("x-amz-checksum-crc32: AAAAAA==\r\nx-amz-checksum-type: FULL_OBJECT\r\n", 0, 4).ok);
  EXPECT_EQ(failures_, 0u);
}

TEST_F(S3Checksums, AreAskedForUnlessSwitchedOff) {
  EXPECT_TRUE(fetch("").ok);
  EXPECT_THAT(requests_seen_.at(0), HasSubstr("\r\nx-amz-checksum-mode: ENABLED\r\n"));
  checksum_mode_ = false;
  EXPECT_TRUE(fetch("").ok);
  EXPECT_THAT(requests_seen_.at(0), Not(HasSubstr("checksum")));
}

}  // namespace
}  // namespace cachey::origin
