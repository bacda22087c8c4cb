#include "store/disk/checksum.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "base/check.h"

namespace cachey::store {

static_assert(std::endian::native == std::endian::little, "the disk format is little-endian");

ObjectId object_id(std::string_view kind, std::string_view object) {
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const uint64_t kind_bytes = kind.size();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
        EVP_DigestUpdate(context.get(), &kind_bytes, sizeof kind_bytes) == 1 &&
        EVP_DigestUpdate(context.get(), kind.data(), kind.size()) == 1 &&
        EVP_DigestUpdate(context.get(), object.data(), object.size()) == 1 &&
        EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  ObjectId id;
  std::memcpy(&id, digest.data(), sizeof id);
  return id;
}

uint64_t block_checksum(const BlockIdentity& identity, std::span<const iovec> bytes) {
  const uint64_t seed = XXH3_64bits(&identity, sizeof identity);
  if (bytes.size() == 1) {
    return XXH3_64bits_withSeed(bytes.front().iov_base, bytes.front().iov_len, seed);
  }
  struct FreeState {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  thread_local const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  CHECK(state != nullptr);
  XXH3_64bits_reset_withSeed(state.get(), seed);
  for (const iovec& part : bytes) XXH3_64bits_update(state.get(), part.iov_base, part.iov_len);
  return XXH3_64bits_digest(state.get());
}

uint64_t checksum(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace cachey::store
