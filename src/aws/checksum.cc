#include "aws/checksum.h"

#include <openssl/evp.h>
#include <strings.h>

#include "base/base64.h"
#include "base/check.h"

namespace cachey::aws {
namespace {

constexpr std::string_view kHeaderPrefix = "x-amz-checksum-";

size_t size_of(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc64Nvme:
      return 8;
    case ChecksumAlgorithm::kCrc32c:
    case ChecksumAlgorithm::kCrc32:
      return 4;
    case ChecksumAlgorithm::kSha1:
      return 20;
    case ChecksumAlgorithm::kSha256:
      return 32;
  }
  return 0;
}

template <typename T>
std::string big_endian(T value) {
  std::string bytes(sizeof value, '\0');
  for (size_t i = 0; i < sizeof value; ++i)
    bytes[i] = static_cast<char>(value >> 8 * (sizeof value - 1 - i));
  return bytes;
}

}  // namespace

std::optional<ExpectedChecksum> choose_checksum(std::span<const AnnouncedChecksum> announced,
                                                std::string_view type) {
  constexpr std::string_view kComposite = "COMPOSITE";
  const bool composite = type.size() == kComposite.size() &&
                         ::strncasecmp(type.data(), kComposite.data(), type.size()) == 0;
  if (composite || announced.empty()) return std::nullopt;
  const AnnouncedChecksum& first = announced.front();
  std::optional<std::string> bytes = base64_decode(first.value);
  if (!bytes || bytes->size() != size_of(first.algorithm)) return std::nullopt;
  return ExpectedChecksum(first.algorithm, std::move(*bytes));
}

void Checksum::FreeDigest::operator()(evp_md_ctx_st* digest) const { ::EVP_MD_CTX_free(digest); }

Checksum::Checksum(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc64Nvme:
      state_.emplace<Crc64Nvme>();
      return;
    case ChecksumAlgorithm::kCrc32c:
      state_.emplace<Crc32c>();
      return;
    case ChecksumAlgorithm::kCrc32:
      state_.emplace<Crc32>();
      return;
    case ChecksumAlgorithm::kSha1:
    case ChecksumAlgorithm::kSha256:
      break;
  }
  Digest& digest = state_.emplace<Digest>(::EVP_MD_CTX_new());
  const EVP_MD* kind = algorithm == ChecksumAlgorithm::kSha1 ? ::EVP_sha1() : ::EVP_sha256();
  CHECK(::EVP_DigestInit_ex(digest.get(), kind, nullptr) == 1);
}

void Checksum::update(std::span<const std::byte> bytes) {
  if (Digest* digest = std::get_if<Digest>(&state_)) {
    CHECK(::EVP_DigestUpdate(digest->get(), bytes.data(), bytes.size()) == 1);
    return;
  }
  std::visit(
      [bytes](auto& state) {
        if constexpr (requires { state.update(bytes); }) state.update(bytes);
      },
      state_);
}

std::string Checksum::finish() {
  if (Digest* digest = std::get_if<Digest>(&state_)) {
    std::string bytes(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    CHECK(::EVP_DigestFinal_ex(digest->get(), reinterpret_cast<unsigned char*>(bytes.data()),
                               &size) == 1);
    bytes.resize(size);
    return bytes;
  }
  return std::visit(
      [](const auto& state) -> std::string {
        if constexpr (requires { state.value(); }) return big_endian(state.value());
        return {};
      },
      state_);
}

std::string_view to_string(ChecksumAlgorithm algorithm) {
  for (const ChecksumHeader& header : kChecksumHeaders) {
    if (header.algorithm == algorithm) return header.name.substr(kHeaderPrefix.size());
  }
  return "unknown";
}

}  // namespace cachey::aws
