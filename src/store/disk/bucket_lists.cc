#include "store/disk/bucket_lists.h"

#include <bit>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr uint32_t kWordBits = 64;

}  // namespace

BucketLists::BucketLists(uint32_t items, uint32_t value_max)
    : items_(items), first_(value_max + 1, kNone), any_(value_max / kWordBits + 1) {}

void BucketLists::set(uint32_t item, uint32_t value) {
  Item& moved = items_[item];
  if (moved.value == value) return;
  if (moved.value != 0) {
    if (moved.next != kNone) items_[moved.next].previous = moved.previous;
    if (moved.previous != kNone) {
      items_[moved.previous].next = moved.next;
    } else {
      first_[moved.value] = moved.next;
      if (moved.next == kNone) {
        any_[moved.value / kWordBits] &= ~(uint64_t{1} << (moved.value % kWordBits));
      }
    }
  }
  moved = Item{.value = value};
  if (value == 0) return;
  CHECK(value < first_.size());
  moved.next = first_[value];
  if (moved.next != kNone) items_[moved.next].previous = item;
  first_[value] = item;
  any_[value / kWordBits] |= uint64_t{1} << (value % kWordBits);
}

std::optional<uint32_t> BucketLists::at_least(uint32_t value) const {
  uint64_t mask = ~uint64_t{0} << (value % kWordBits);
  for (size_t word = value / kWordBits; word < any_.size(); ++word, mask = ~uint64_t{0}) {
    if (const uint64_t bits = any_[word] & mask; bits != 0) {
      return first_[word * kWordBits + static_cast<uint32_t>(std::countr_zero(bits))];
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> BucketLists::at_most(uint32_t value) const {
  uint64_t mask = ~uint64_t{0} >> (kWordBits - 1 - value % kWordBits);
  for (size_t word = value / kWordBits + 1; word-- > 0; mask = ~uint64_t{0}) {
    if (const uint64_t bits = any_[word] & mask; bits != 0) {
      return first_[word * kWordBits + kWordBits - 1 -
                    static_cast<uint32_t>(std::countl_zero(bits))];
    }
  }
  return std::nullopt;
}

}  // namespace cachey::store
