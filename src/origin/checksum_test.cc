#include "origin/checksum.h"

#include <gtest/gtest.h>

#include "origin/base64.h"

namespace cachey::origin {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// In base64, of `text` taken in pieces of `piece` bytes.
std::string sum_of(ChecksumAlgorithm algorithm, std::string_view text, size_t piece = 1000) {
  Checksum checksum(algorithm);
  for (size_t at = 0; at < text.size(); at += piece)
    checksum.update(bytes_of(text.substr(at, piece)));
  return base64_encode(bytes_of(checksum.finish()));
}

TEST(Checksum, KnowsTheSumsOfKnownTexts) {
  struct Known {
    ChecksumAlgorithm algorithm;
    const char* hello;
    const char* digits;
  };
  const Known known[] = {
      {ChecksumAlgorithm::kCrc32, "i9aeUg==", "y/Q5Jg=="},
      {ChecksumAlgorithm::kCrc32c, "crUfeA==", "4waSgw=="},
      {ChecksumAlgorithm::kCrc64Nvme, "OOJZ0D8xKts=", "rosUhgp5mIg="},
      {ChecksumAlgorithm::kSha1, "e1AsOh9IyGCa4hLN+2Od7jlnP14=", nullptr},
      {ChecksumAlgorithm::kSha256, "ZOyIygCyaOW6GjVnihtTFtIS9PNmskdyMlNKiuyjfzw=", nullptr},
  };
  for (const Known& row : known) {
    SCOPED_TRACE(to_string(row.algorithm));
    EXPECT_EQ(sum_of(row.algorithm, "Hello world"), row.hello);
    if (row.digits != nullptr) EXPECT_EQ(sum_of(row.algorithm, "123456789"), row.digits);
  }
}

TEST(Checksum, DoesNotDependOnThePieces) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += static_cast<char>(i * 31 + i / 251);
  for (const ChecksumHeader& header : kChecksumHeaders) {
    const std::string whole = sum_of(header.algorithm, text, text.size());
    for (const size_t piece : {1, 3, 7, 8, 9, 4096}) {
      EXPECT_EQ(sum_of(header.algorithm, text, piece), whole) << header.name << " " << piece;
    }
  }
}

std::string chosen(std::vector<AnnouncedChecksum> announced, std::string_view type = "") {
  const std::optional<ExpectedChecksum> expected = choose_checksum(announced, type);
  return expected ? std::string(to_string(expected->algorithm)) : "none";
}

TEST(ChooseChecksum, TakesTheFirstThatIsOneOfTheBody) {
  EXPECT_EQ(chosen({}), "none");
  EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32c, "crUfeA=="}, {ChecksumAlgorithm::kSha1, "x"}}),
            "crc32c");
  EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32, "i9aeUg=="}}, "FULL_OBJECT"), "crc32");
}

TEST(ChooseChecksum, PassesOverWhatSaysNothingOfTheBody) {
  EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32, "i9aeUg==-2"}}), "none");
  EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32, "i9aeUg=="}}, "COMPOSITE"), "none");
  EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32, "i9aeUg=="}}, "composite"), "none");
  for (const char* bad : {"", "i9aeUg", "i9aeUg=", "i9ae Ug=", "!!!!!!==", "OOJZ0D8xKts=", "===="})
    EXPECT_EQ(chosen({{ChecksumAlgorithm::kCrc32, bad}}), "none") << bad;
}

TEST(Base64, RoundTripsAndRefusesWhatIsNone) {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd"}) {
    EXPECT_EQ(base64_decode(base64_encode(bytes_of(text))), text);
  }
  for (const char* bad : {"YQ", "YQ=", "=YQ=", "Y===", "YQ==\n", " YQ=", "YWJ-"})
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace cachey::origin
