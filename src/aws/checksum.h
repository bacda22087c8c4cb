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

/// What S3 can check an object's bytes by, the one that is preferred first.
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

/// A header of an answer: which sum, and its text.
struct AnnouncedChecksum {
  ChecksumAlgorithm algorithm;
  std::string value;
};

/// The sum to hold a body's bytes against.
struct ExpectedChecksum {
  ChecksumAlgorithm algorithm;
  std::string bytes;  ///< big-endian
};

/// Of the sums in `announced` (in order of preference) the first that says something of the body as
/// it comes: no `-PARTS` behind it, base64 of the right length. Nothing where `type` says
/// COMPOSITE: such a sum is one of the parts' sums, whatever its form.
[[nodiscard]] std::optional<ExpectedChecksum> choose_checksum(
    std::span<const AnnouncedChecksum> announced, std::string_view type);

/// The sum of bytes that come piece by piece.
class Checksum {
 public:
  explicit Checksum(ChecksumAlgorithm algorithm);

  void update(std::span<const std::byte> bytes);
  /// Big-endian. Once, at the end.
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
