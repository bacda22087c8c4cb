#pragma once

#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cachey::store {

/// The hashes of entries that were evicted lately, first in, first out. Not synchronized.
///
/// The hashes are in many small sets and the order is in blocks, so that no table grows in one
/// piece: among 10,000,000 hashes, the growth of one set moves about 10,000. A set has 32 bits of
/// each of its hashes: among as many, one in 400,000 is taken for another one.
class Ghosts {
 public:
  /// `set_bits`: there are 2^set_bits sets.
  explicit Ghosts(unsigned set_bits = 10) : set_bits_(set_bits), sets_(size_t{1} << set_bits) {}

  /// Remembers the hash and forgets the oldest past `count_max`, at most kForgottenAtOnce.
  void remember(uint64_t hash, size_t count_max) {
    set_of(hash).insert(key(hash));
    order_.push_back(hash);
    for (size_t i = 0; i < kForgottenAtOnce && order_.size() > count_max; ++i) {
      set_of(order_.front()).erase(key(order_.front()));
      order_.pop_front();
    }
  }

  /// Forgets the hash. True: it was remembered.
  [[nodiscard]] bool take(uint64_t hash) { return set_of(hash).erase(key(hash)) > 0; }

 private:
  static constexpr size_t kForgottenAtOnce = 4;
  using Blocks = boost::container::deque_options<boost::container::block_bytes<64UL * 1024>>::type;

  using Set = boost::unordered_flat_set<uint32_t>;
  [[nodiscard]] Set& set_of(uint64_t hash) {
    return sets_[set_bits_ == 0 ? 0 : hash >> (64 - set_bits_)];
  }
  static uint32_t key(uint64_t hash) { return static_cast<uint32_t>(hash ^ hash >> 20); }

  const unsigned set_bits_;
  std::vector<Set> sets_;
  // With hashes that take() has forgotten meanwhile.
  boost::container::deque<uint64_t, void, Blocks> order_;
};

}  // namespace cachey::store
