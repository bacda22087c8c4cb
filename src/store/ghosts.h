#pragma once

#include <array>
#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>

namespace cachey::store {

/// The hashes of entries that were evicted lately, first in, first out. Not synchronized.
///
/// The hashes are in many small sets and the order is in blocks, so that no table grows in one
/// piece: among 10,000,000 hashes, the growth of one set moves about 10,000.
class Ghosts {
 public:
  /// Remembers the hash and forgets the oldest past `count_max`, at most kForgottenAtOnce.
  void remember(uint64_t hash, size_t count_max) {
    set_of(hash).insert(hash);
    order_.push_back(hash);
    for (size_t i = 0; i < kForgottenAtOnce && order_.size() > count_max; ++i) {
      set_of(order_.front()).erase(order_.front());
      order_.pop_front();
    }
  }

  /// Forgets the hash. True: it was remembered.
  [[nodiscard]] bool take(uint64_t hash) { return set_of(hash).erase(hash) > 0; }

 private:
  static constexpr unsigned kSetBits = 10;
  static constexpr size_t kForgottenAtOnce = 4;
  using Blocks = boost::container::deque_options<boost::container::block_bytes<64UL * 1024>>::type;

  [[nodiscard]] boost::unordered_flat_set<uint64_t>& set_of(uint64_t hash) {
    return sets_[hash >> (64 - kSetBits)];
  }

  std::array<boost::unordered_flat_set<uint64_t>, size_t{1} << kSetBits> sets_;
  // With hashes that take() has forgotten meanwhile.
  boost::container::deque<uint64_t, void, Blocks> order_;
};

}  // namespace cachey::store
