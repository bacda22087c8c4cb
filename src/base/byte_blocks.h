#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cachey {

/// Sixteen bytes that are compared at once. A comparison gives 0xff in each byte for which the
/// comparison holds, else 0.
using ByteBlock = uint8_t __attribute__((vector_size(16)));

[[nodiscard]] inline ByteBlock load_block(const char* from) {
  ByteBlock block;
  std::memcpy(&block, from, sizeof(block));
  return block;
}

/// A block in which each byte of the text stands at least once, and no other byte. REQUIRES: the
/// text has 1 to 15 bytes.
[[nodiscard]] inline ByteBlock load_short_block(std::string_view text) {
  const size_t size = text.size();
  uint64_t halves[2];
  if (size >= sizeof(uint64_t)) {
    std::memcpy(&halves[0], text.data(), sizeof(uint64_t));
    std::memcpy(&halves[1], text.data() + size - sizeof(uint64_t), sizeof(uint64_t));
  } else if (size >= sizeof(uint32_t)) {
    uint32_t quarters[2];
    std::memcpy(&quarters[0], text.data(), sizeof(uint32_t));
    std::memcpy(&quarters[1], text.data() + size - sizeof(uint32_t), sizeof(uint32_t));
    halves[0] = halves[1] = quarters[0] | uint64_t{quarters[1]} << 32;
  } else {
    constexpr uint64_t kEachByte = 0x0101010101010101;
    constexpr uint64_t kFirst = 0xff;
    const auto at = [text](size_t i) { return uint64_t{static_cast<uint8_t>(text[i])}; };
    halves[0] = (at(0) * kEachByte & ~(kFirst << 8 | kFirst << 16)) | at(size / 2) << 8 |
                at(size - 1) << 16;
    halves[1] = halves[0];
  }
  ByteBlock block;
  std::memcpy(&block, halves, sizeof(block));
  return block;
}

[[nodiscard]] inline bool has_any(ByteBlock found) {
  uint64_t halves[2];
  std::memcpy(halves, &found, sizeof(halves));
  return (halves[0] | halves[1]) != 0;
}

/// The place in the block of the first byte that was found; sizeof(ByteBlock): there is none.
[[nodiscard]] inline size_t first_of(ByteBlock found) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t halves[2];
  std::memcpy(halves, &found, sizeof(halves));
  if (halves[0] != 0) return static_cast<size_t>(std::countr_zero(halves[0])) / 8;
  if (halves[1] != 0) return 8 + static_cast<size_t>(std::countr_zero(halves[1])) / 8;
  return sizeof(ByteBlock);
}

/// Whether `test`, of a block, finds a byte of the text. A few instructions for sixteen bytes.
template <typename Test>
[[nodiscard]] bool has_byte(std::string_view text, Test test) {
  if (text.empty()) return false;
  if (text.size() < sizeof(ByteBlock)) return has_any(test(load_short_block(text)));
  const char* const last = text.data() + text.size() - sizeof(ByteBlock);
  auto found = test(load_block(last));
  for (const char* at = text.data(); at < last; at += sizeof(ByteBlock))
    found |= test(load_block(at));
  return has_any(ByteBlock(found));
}

}  // namespace cachey
