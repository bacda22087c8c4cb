#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace cachey::store {

/// Numbered items in lists by a value, of which the nearest one can be found: a list a value, and a
/// bit a value that tells if the list has items. The item that was listed last is the first of its
/// list. Each call takes constant time, besides a scan of the bits. Not synchronized.
class BucketLists {
 public:
  /// Items 0 to `items` - 1, values 1 to `value_max`. No item is listed yet.
  BucketLists(uint32_t items, uint32_t value_max);

  /// Moves the item to the list of this value; 0: to no list.
  void set(uint32_t item, uint32_t value);
  [[nodiscard]] uint32_t value(uint32_t item) const { return items_[item].value; }

  /// The first item of the lowest value that is at least `value`, or null.
  [[nodiscard]] std::optional<uint32_t> at_least(uint32_t value) const;
  /// The first item of the highest value that is at most `value`, or null.
  [[nodiscard]] std::optional<uint32_t> at_most(uint32_t value) const;

  [[nodiscard]] size_t memory_bytes() const {
    return items_.size() * sizeof(Item) + first_.size() * sizeof(uint32_t);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Item {
    uint32_t next = kNone;
    uint32_t previous = kNone;
    uint32_t value = 0;
  };

  std::vector<Item> items_;
  std::vector<uint32_t> first_;  // by value
  std::vector<uint64_t> any_;    // bits, by value
};

}  // namespace cachey::store
