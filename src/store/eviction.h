#pragma once

#include <functional>

#include "store/evictable.h"
#include "store/ghost_hits.h"
#include "store/victim.h"

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

  /// A candidate for eviction, or set aside.
  [[nodiscard]] virtual bool contains(const Evictable& entry) const = 0;
  [[nodiscard]] virtual bool is_set_aside(const Evictable& entry) const = 0;

  /// The page is no candidate until put_back(). REQUIRES: contains(entry) and it is not set aside.
  virtual void set_aside(Evictable& entry) = 0;
  /// The page is the next candidate. REQUIRES: is_set_aside(entry).
  virtual void put_back(Evictable& entry) = 0;

  /// How often evicted pages come back.
  [[nodiscard]] virtual const GhostHits& ghost_hits() const = 0;

  /// Removes and returns the page to evict, for which `verdict` returned kEvict; sets pages aside
  /// for which it returned kSetAside. Looks at a bounded number of pages.
  [[nodiscard]] virtual Victim<Evictable> victim(
      const std::function<Verdict(Evictable&)>& verdict) = 0;
};

}  // namespace cachey::store
