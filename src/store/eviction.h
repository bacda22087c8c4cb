#pragma once

#include <functional>

#include "store/evictable.h"

namespace cachey::store {

/// Decides what leaves memory next. Calls come one at a time, under the memory tier's mutex. What
/// happened to an entry between calls it learns from the entry's use count.
class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  /// A page became whole. The policy must remember it until remove or victim.
  virtual void insert(Evictable& entry) = 0;

  /// The page is leaving for another reason than eviction. REQUIRES: contains(entry).
  virtual void remove(Evictable& entry) = 0;

  [[nodiscard]] virtual bool contains(const Evictable& entry) const = 0;

  /// Picks, forgets and returns the entry to evict: one for which `may_evict` says yes. Null where
  /// none was found within a bounded search.
  [[nodiscard]] virtual Evictable* victim(const std::function<bool(Evictable&)>& may_evict) = 0;
};

}  // namespace cachey::store
