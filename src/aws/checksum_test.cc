#include "aws/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "base/base64.h"

namespace cachey::aws {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The sum of `text` in base64, computed in pieces of `piece` bytes.
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

/// The definition of a CRC: one bit at a time.
template <typename T>
T bit_by_bit(T polynomial, std::span<const std::byte> bytes) {
  T crc = static_cast<T>(~T{0});
  for (const std::byte byte : bytes) {
    crc ^= static_cast<T>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
  }
  return static_cast<T>(~crc);
}

template <typename Check, typename T>
void expect_of_any_length(T polynomial) {
  std::mt19937_64 random(7);
  std::vector<std::byte> bytes(1200);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (size_t length = 0; length < 700; ++length) {
    const auto some = std::span(bytes).subspan(random() % 500, length);
    Check whole;
    whole.update(some);
    ASSERT_EQ(whole.value(), bit_by_bit(polynomial, some)) << length;
    Check halves;
    const size_t half = length == 0 ? 0 : random() % length;
    halves.update(some.first(half));
    halves.update(some.subspan(half));
    ASSERT_EQ(halves.value(), whole.value()) << length << " at " << half;
    Check by_tables;
    by_tables.update_by_tables(some);
    ASSERT_EQ(by_tables.value(), whole.value()) << length;
  }
}

TEST(Crc, OfAnyLengthIsWhatTheDefinitionSays) {
  expect_of_any_length<Crc32>(uint32_t{0xedb88320});
  expect_of_any_length<Crc32c>(uint32_t{0x82f63b78});
  expect_of_any_length<Crc64Nvme>(uint64_t{0x9a6c9329ac4bc9b5});
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
}  // namespace cachey::aws
