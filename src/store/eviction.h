#pragma once

#include <functional>

#include "store/evictable.h"

namespace cachey::store {

/// Decides which page leaves memory next. The memory tier calls it under its mutex, one call at a
/// time. The policy reads an entry's use count to see the hits between calls.
class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  /// The page is whole now. The policy keeps it until remove() or victim().
  virtual void insert(Evictable& entry) = 0;

  /// The page leaves for another reason than eviction. REQUIRES: contains(entry).
  virtual void remove(Evictable& entry) = 0;

  [[nodiscard]] virtual bool contains(const Evictable& entry) const = 0;

  /// Removes and returns the entry to evict, for which `may_evict` returned true. Null: a bounded
  /// search found none.
  [[nodiscard]] virtual Evictable* victim(const std::function<bool(Evictable&)>& may_evict) = 0;
};

}  // namespace cachey::store
