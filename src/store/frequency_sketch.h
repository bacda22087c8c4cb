#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/hash.h"
#include "base/units.h"
#include "store/zeroed_array.h"

namespace cachey::store {

/// Estimates how often contents were used lately, evicted ones included: a count-min sketch of
/// counters of 4 bits (Einziger et al., "TinyLFU: A Highly Efficient Cache Admission Policy", ACM
/// ToS 2017). An estimate is too large if contents share all their counters.
///
/// A word has 16 counters; a content has four of one word. There are about eight counters, 4 bytes,
/// an entry, up to a limit. Counters age a word at a time: each is halved once while kAge uses an
/// entry are added. The table doubles a word at a time. Not synchronized.
class FrequencySketch {
 public:
  static constexpr unsigned kCountMax = 15;
  static constexpr size_t kBytesMax = 32 * kMiB;

  /// `bytes_max`: a power of two of at least 1 KiB.
  explicit FrequencySketch(size_t bytes_max = kBytesMax) : words_{bytes_max / sizeof(uint64_t)} {}

  /// `entries`: that the tier has now.
  void add(uint64_t hash, unsigned uses, size_t entries) {
    if (uses == 0) return;
    grow(entries);
    age(entries);
    const uint64_t now = std::min(estimate(hash) + uses, kCountMax);
    uint64_t& word = words_[index(hash)];
    uint64_t places = mixed(hash);
    for (int i = 0; i < kRows; ++i, places >>= kPlaceBits) {
      const uint64_t shift = (places & kPlaceMask) * kCounterBits;
      const uint64_t count = std::max(word >> shift & kCountMax, now);
      word = (word & ~(uint64_t{kCountMax} << shift)) | count << shift;
    }
  }

  [[nodiscard]] unsigned estimate(uint64_t hash) const {
    const uint64_t word = words_[index(hash)];
    uint64_t places = mixed(hash);
    uint64_t least = kCountMax;
    for (int i = 0; i < kRows; ++i, places >>= kPlaceBits)
      least = std::min(least, word >> (places & kPlaceMask) * kCounterBits & kCountMax);
    return static_cast<unsigned>(least);
  }

 private:
  static constexpr int kRows = 4;
  static constexpr unsigned kPlaceBits = 4;
  static constexpr uint64_t kPlaceMask = 15;
  static constexpr unsigned kCounterBits = 4;
  static constexpr uint64_t kLowBits = 0x7777'7777'7777'7777;  // of halved counters
  static constexpr size_t kEntriesPerWord = 2;
  static constexpr size_t kAge = 20;
  static constexpr size_t kWordsMin = 128;
  static constexpr unsigned kIndexShift = 32;

  static uint64_t mixed(uint64_t hash) {
    hash = (hash ^ hash >> 32) * kHashMultiplier;
    return hash ^ hash >> 29;
  }

  /// The upper half of a table that grows is used word by word as the words are copied.
  [[nodiscard]] size_t index(uint64_t hash) const {
    const size_t at = mixed(hash) >> kIndexShift & (2 * size_ - 1);
    return at < size_ + copied_ ? at : at - size_;
  }

  void grow(size_t entries) {
    if (copied_ == 0 && (entries < size_ * kEntriesPerWord || size_ * 2 > words_.size())) return;
    for (int i = 0; i < 2; ++i) {
      words_[size_ + copied_] = words_[copied_];
      if (++copied_ < size_) continue;
      size_ *= 2;
      copied_ = 0;
      return;
    }
  }

  void age(size_t entries) {
    const size_t words = size_ + copied_;
    for (ageing_ += words; ageing_ >= kAge * std::max(entries, kWordsMin);
         ageing_ -= kAge * std::max(entries, kWordsMin)) {
      hand_ = hand_ + 1 < words ? hand_ + 1 : 0;
      words_[hand_] = words_[hand_] >> 1 & kLowBits;
    }
  }

  ZeroedArray<uint64_t> words_;  // the system gives memory as words are touched
  size_t size_ = kWordsMin;
  size_t copied_ = 0;  // words past size_ that are in use
  size_t hand_ = 0;
  size_t ageing_ = 0;  // words to be halved, times kAge uses an entry
};

}  // namespace cachey::store
