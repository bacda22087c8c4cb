#include "aws/crc_fold.h"

#include <bit>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cachey::aws {

#if defined(__x86_64__)

#define WITH_PCLMUL __attribute__((target("pclmul,sse2")))

namespace {

WITH_PCLMUL __m128i load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

WITH_PCLMUL __m128i constants_of(uint64_t first, uint64_t second) {
  return _mm_set_epi64x(std::bit_cast<int64_t>(second), std::bit_cast<int64_t>(first));
}

/// Shifts `block` by the constants `by` and adds (xor) the block that is there.
WITH_PCLMUL __m128i fold_onto(__m128i block, __m128i by, __m128i there) {
  const __m128i first = _mm_clmulepi64_si128(block, by, 0x00);
  const __m128i second = _mm_clmulepi64_si128(block, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, second), there);
}

}  // namespace

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") != 0;
  return can;
}

WITH_PCLMUL std::array<std::byte, kFoldedBytes> fold(std::span<const std::byte> bytes,
                                                     uint64_t start,
                                                     const FoldConstants& constants) {
  CHECK(bytes.size() >= kFoldBytesMin && bytes.size() % kFoldedBytes == 0);
  const __m128i by_64 = constants_of(constants.first_by_64, constants.second_by_64);
  const __m128i by_16 = constants_of(constants.first_by_16, constants.second_by_16);
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();

  // Four blocks at a time hide the latency of the multiplication.
  __m128i a = _mm_xor_si128(load(at), constants_of(start, 0));
  __m128i b = load(at + 16);
  __m128i c = load(at + 32);
  __m128i d = load(at + 48);
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
