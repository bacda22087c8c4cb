#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"

namespace cachey::store {

/// A hash table that never stops to grow as a whole: an insertion splits at most one bucket (linear
/// hashing: W. Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980). So
/// the longest insertion takes as long with ten million entries as with a thousand. A bucket is a
/// chain through its entries. Does not shrink.
///
/// Owns no entries. Not synchronized. `Traits` gives access to an entry's parts:
///   hash(e) -> uint64_t   its lowest bits must be well spread
///   next(e) -> Entry*&    the link of the chain
template <typename Entry, typename Traits>
class LinearTable {
 public:
  LinearTable() { segments_.push_back(std::make_unique<Segment>()); }
  LinearTable(const LinearTable&) = delete;
  LinearTable& operator=(const LinearTable&) = delete;

  /// Makes the buckets of `entries` entries at once. REQUIRES: the table is empty.
  void reserve(size_t entries) {
    CHECK(size_ == 0);
    buckets_ = std::max(buckets_, entries);
    while (segments_.size() * kSegmentBuckets < buckets_) {
      segments_.push_back(std::make_unique<Segment>());
    }
  }

  /// The entry with this hash for which `matches` returns true, or null.
  template <typename Matches>
  [[nodiscard]] Entry* find(uint64_t hash, const Matches& matches) const {
    for (Entry* entry = head(bucket_of(hash)); entry != nullptr; entry = Traits::next(*entry)) {
      if (matches(*entry)) return entry;
    }
    return nullptr;
  }

  void insert(Entry& entry) {
    if (size_ == buckets_) split();
    push(bucket_of(Traits::hash(entry)), entry);
    ++size_;
  }

  /// REQUIRES: the table has the entry.
  void erase(Entry& entry) {
    Entry** link = &head(bucket_of(Traits::hash(entry)));
    while (*link != &entry) {
      CHECK(*link != nullptr);
      link = &Traits::next(**link);
    }
    *link = Traits::next(entry);
    Traits::next(entry) = nullptr;
    --size_;
  }

  /// Visits all entries. `visit` may destroy the entry, but must not change the table.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (size_t bucket = 0; bucket < buckets_; ++bucket) for_each_in(bucket, visit);
  }

  /// Buckets in use. A walk over them in ascending order, up to this number, which grows meanwhile,
  /// meets each entry that is in the table from its begin to its end: a split moves entries to a
  /// higher bucket only.
  [[nodiscard]] size_t buckets() const { return buckets_; }
  /// As for_each(), for one bucket. REQUIRES: bucket < buckets().
  template <typename Visit>
  void for_each_in(size_t bucket, const Visit& visit) const {
    for (Entry* entry = head(bucket); entry != nullptr;) {
      Entry* next = Traits::next(*entry);
      visit(*entry);
      entry = next;
    }
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t memory_bytes() const {
    return segments_.size() * (sizeof(Segment) + sizeof segments_[0]);
  }

 private:
  static constexpr size_t kSegmentBuckets = 1024;
  using Segment = std::array<Entry*, kSegmentBuckets>;

  [[nodiscard]] size_t bucket_of(uint64_t hash) const {
    const uint64_t bucket = hash & (std::bit_ceil(buckets_) - 1);
    // The upper half has only the buckets that were split off so far.
    return bucket < buckets_ ? bucket : bucket - std::bit_floor(buckets_);
  }

  [[nodiscard]] Entry*& head(size_t bucket) const {
    return (*segments_[bucket / kSegmentBuckets])[bucket % kSegmentBuckets];
  }

  void push(size_t bucket, Entry& entry) {
    Entry*& first = head(bucket);
    Traits::next(entry) = first;
    first = &entry;
  }

  /// Adds a bucket, and moves the entries there whose hash has the new bit.
  void split() {
    const uint64_t bit = std::bit_floor(buckets_);
    const size_t added = buckets_++;
    if (added % kSegmentBuckets == 0) segments_.push_back(std::make_unique<Segment>());
    Entry* entry = std::exchange(head(added - bit), nullptr);
    while (entry != nullptr) {
      Entry* next = Traits::next(*entry);
      push((Traits::hash(*entry) & bit) != 0 ? added : added - bit, *entry);
      entry = next;
    }
  }

  std::vector<std::unique_ptr<Segment>> segments_;
  size_t buckets_ = kSegmentBuckets;  // in use; at least half of the next power of two
  size_t size_ = 0;
};

}  // namespace cachey::store
