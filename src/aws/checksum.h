#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aws/crc.h"
#include "aws/digest.h"

struct evp_md_ctx_st;

namespace cachey::aws {

/// The checksums that S3 keeps of an object. In order of preference.
enum class ChecksumAlgorithm { kCrc64Nvme, kCrc32c, kCrc32, kSha1, kSha256 };

struct ChecksumHeader {
  std::string_view name;
  ChecksumAlgorithm algorithm;
};

inline constexpr std::array<ChecksumHeader, 5> kChecksumHeaders = {{
    {"x-amz-checksum-crc64nvme", ChecksumAlgorithm::kCrc64Nvme},
    {"x-amz-checksum-crc32c", ChecksumAlgorithm::kCrc32c},
    {"x-amz-checksum-crc32", ChecksumAlgorithm::kCrc32},
    {"x-amz-checksum-sha1", ChecksumAlgorithm::kSha1},
    {"x-amz-checksum-sha256", ChecksumAlgorithm::kSha256},
}};

/// A checksum header of an answer.
struct AnnouncedChecksum {
  ChecksumAlgorithm algorithm;
  std::string value;
};

/// The sum that a body's bytes must have.
struct ExpectedChecksum {
  ChecksumAlgorithm algorithm;
  std::string bytes;  ///< big-endian
};

/// The first of `announced` (in order of preference), if that is the sum of the body's bytes:
/// base64 of the right length, without a `-PARTS` suffix. Nothing otherwise, or if `type` is
/// COMPOSITE: a composite sum is a sum of the parts' sums.
[[nodiscard]] std::optional<ExpectedChecksum> choose_checksum(
    std::span<const AnnouncedChecksum> announced, std::string_view type);

/// Computes the sum of bytes that arrive in pieces. One thread.
class Checksum {
 public:
  explicit Checksum(ChecksumAlgorithm algorithm);

  void update(std::span<const std::byte> bytes);
  /// The sum, big-endian. Call once, after the last update().
  [[nodiscard]] std::string finish();

 private:
  struct FreeDigest {
    void operator()(evp_md_ctx_st* digest) const;
  };
  using Digest = std::unique_ptr<evp_md_ctx_st, FreeDigest>;

  std::variant<Crc64Nvme, Crc32c, Crc32, Digest> state_;
};

/// `crc64nvme`.
[[nodiscard]] std::string_view to_string(ChecksumAlgorithm algorithm);

}  // namespace cachey::aws
