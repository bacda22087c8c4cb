#include "aws/crc_fold.h"

#include <bit>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace cachey::aws {

#if defined(__x86_64__)

#define WITH_MULTIPLICATION __attribute__((target("pclmul,sse2")))

namespace {

using Block = __m128i;

bool cpu_multiplies() { return __builtin_cpu_supports("pclmul") != 0; }

WITH_MULTIPLICATION Block load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const Block*>(from));
}

WITH_MULTIPLICATION Block block_of(uint64_t first, uint64_t second) {
  return _mm_set_epi64x(std::bit_cast<int64_t>(second), std::bit_cast<int64_t>(first));
}

WITH_MULTIPLICATION Block add(Block a, Block b) { return _mm_xor_si128(a, b); }

WITH_MULTIPLICATION Block multiply_first(Block a, Block b) {
  return _mm_clmulepi64_si128(a, b, 0x00);
}

WITH_MULTIPLICATION Block multiply_second(Block a, Block b) {
  return _mm_clmulepi64_si128(a, b, 0x11);
}

}  // namespace

#elif defined(__aarch64__)

#define WITH_MULTIPLICATION __attribute__((target("aes,neon")))

namespace {

using Block = uint64x2_t;

bool cpu_multiplies() { return (::getauxval(AT_HWCAP) & HWCAP_PMULL) != 0; }

WITH_MULTIPLICATION Block load(const std::byte* from) {
  return vreinterpretq_u64_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(from)));
}

WITH_MULTIPLICATION Block block_of(uint64_t first, uint64_t second) {
  return vcombine_u64(vcreate_u64(first), vcreate_u64(second));
}

WITH_MULTIPLICATION Block add(Block a, Block b) { return veorq_u64(a, b); }

WITH_MULTIPLICATION Block multiply_first(Block a, Block b) {
  return vreinterpretq_u64_p128(vmull_p64(vgetq_lane_u64(a, 0), vgetq_lane_u64(b, 0)));
}

WITH_MULTIPLICATION Block multiply_second(Block a, Block b) {
  return vreinterpretq_u64_p128(vmull_high_p64(vreinterpretq_p64_u64(a), vreinterpretq_p64_u64(b)));
}

}  // namespace

#endif

#if defined(WITH_MULTIPLICATION)

namespace {

/// Shifts `block` by the constants `by` and adds (xor) the block that is there.
WITH_MULTIPLICATION Block fold_onto(Block block, Block by, Block there) {
  return add(add(multiply_first(block, by), multiply_second(block, by)), there);
}

}  // namespace

bool can_fold() {
  static const bool can = cpu_multiplies();
  return can;
}

WITH_MULTIPLICATION std::array<std::byte, kFoldedBytes> fold(std::span<const std::byte> bytes,
                                                             uint64_t start,
                                                             const FoldConstants& constants) {
  CHECK(bytes.size() >= kFoldBytesMin && bytes.size() % kFoldedBytes == 0);
  const Block by_64 = block_of(constants.first_by_64, constants.second_by_64);
  const Block by_16 = block_of(constants.first_by_16, constants.second_by_16);
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();

  // Four blocks at a time hide the latency of the multiplication.
  Block a = add(load(at), block_of(start, 0));
  Block b = load(at + 16);
  Block c = load(at + 32);
  Block d = load(at + 48);
  for (at += 64; end - at >= 64; at += 64) {
    a = fold_onto(a, by_64, load(at));
    b = fold_onto(b, by_64, load(at + 16));
    c = fold_onto(c, by_64, load(at + 32));
    d = fold_onto(d, by_64, load(at + 48));
  }
  b = fold_onto(a, by_16, b);
  c = fold_onto(b, by_16, c);
  d = fold_onto(c, by_16, d);
  for (; at != end; at += 16) d = fold_onto(d, by_16, load(at));
  return std::bit_cast<std::array<std::byte, kFoldedBytes>>(d);
}

#else

bool can_fold() { return false; }

std::array<std::byte, kFoldedBytes> fold(std::span<const std::byte> /*bytes*/, uint64_t /*start*/,
                                         const FoldConstants& /*constants*/) {
  CHECK(false);
}

#endif

}  // namespace cachey::aws
