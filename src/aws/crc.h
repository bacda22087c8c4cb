#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "aws/crc_fold.h"

namespace cachey::aws {

/// A reflected cyclic redundancy check; its register is inverted at the begin and at the end.
/// Folds long inputs if the CPU can, see crc_fold.h. The rest goes by tables, eight bytes a step
/// ("slicing by 8", Kounavis and Berry 2005). `kPolynomial` is reflected. One thread.
template <typename T, T kPolynomial>
class Crc {
 public:
  void update(std::span<const std::byte> bytes) {
    if (bytes.size() >= kFoldBytesMin && can_fold()) {
      const size_t whole = bytes.size() / kFoldedBytes * kFoldedBytes;
      const auto folded = fold(bytes.first(whole), register_, kFoldConstants);
      register_ = 0;
      update_by_tables(folded);
      bytes = bytes.subspan(whole);
    }
    update_by_tables(bytes);
  }

  /// As update(), but never folds.
  void update_by_tables(std::span<const std::byte> bytes) {
    T crc = register_;
    while (bytes.size() >= kSlices) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof word);
      word ^= crc;
      crc = 0;
      for (size_t i = 0; i < kSlices; ++i) crc ^= kTables[kSlices - 1 - i][(word >> 8 * i) & 0xff];
      bytes = bytes.subspan(kSlices);
    }
    for (const std::byte byte : bytes)
      crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<T>(byte)) & 0xff];
    register_ = crc;
  }

  [[nodiscard]] T value() const { return static_cast<T>(~register_); }

 private:
  static_assert(std::endian::native == std::endian::little);

  static constexpr size_t kSlices = 8;
  using Tables = std::array<std::array<T, 256>, kSlices>;

  static constexpr Tables make_tables() {
    Tables tables{};
    for (size_t byte = 0; byte < 256; ++byte) {
      T crc = static_cast<T>(byte);
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ kPolynomial : crc >> 1;
      tables[0][byte] = crc;
    }
    for (size_t slice = 1; slice < kSlices; ++slice) {
      for (size_t byte = 0; byte < 256; ++byte) {
        const T crc = tables[slice - 1][byte];
        tables[slice][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
      }
    }
    return tables;
  }

  static constexpr uint64_t power_of_x(int exponent) {
    T power = T{1} << (8 * sizeof(T) - 1);
    for (; exponent > 0; --exponent) {
      power = (power & 1) != 0 ? (power >> 1) ^ kPolynomial : power >> 1;
    }
    return uint64_t{power} << (64 - 8 * sizeof(T));
  }

  static constexpr FoldConstants kFoldConstants = {.first_by_64 = power_of_x(64 * 8 + 63),
                                                   .second_by_64 = power_of_x(64 * 8 - 1),
                                                   .first_by_16 = power_of_x(16 * 8 + 63),
                                                   .second_by_16 = power_of_x(16 * 8 - 1)};
  static inline const Tables kTables = make_tables();

  T register_ = static_cast<T>(~T{0});
};

using Crc32 = Crc<uint32_t, 0xedb88320U>;
using Crc32c = Crc<uint32_t, 0x82f63b78U>;
using Crc64Nvme = Crc<uint64_t, 0x9a6c9329ac4bc9b5U>;

}  // namespace cachey::aws
