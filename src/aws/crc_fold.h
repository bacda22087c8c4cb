#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cachey::aws {

/// x^575, x^511, x^191 and x^127, modulo the polynomial of a check and reflected: bit 63 is x^0.
struct FoldConstants {
  uint64_t first_by_64;   ///< moves the first eight bytes of a block 64 bytes on
  uint64_t second_by_64;  ///< and the other eight
  uint64_t first_by_16;   ///< as these, 16 bytes on
  uint64_t second_by_16;
};

/// Of fewer bytes than this nothing is folded.
inline constexpr size_t kFoldBytesMin = 128;
inline constexpr size_t kFoldedBytes = 16;

/// The CPU can multiply without carries.
[[nodiscard]] bool can_fold();

/// Sixteen bytes that leave a check, begun with a register of zero, where `bytes` leave it, begun
/// with `start`; ten times as fast as by tables. (V. Gopal et al., "Fast CRC Computation for
/// Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009. Here a product of two reflected
/// words comes out one power of x higher, which the constants make up for.) REQUIRES: can_fold();
/// whole blocks of 16 bytes, at least kFoldBytesMin of them. Any thread.
[[nodiscard]] std::array<std::byte, kFoldedBytes> fold(std::span<const std::byte> bytes,
                                                       uint64_t start,
                                                       const FoldConstants& constants);

}  // namespace cachey::aws
