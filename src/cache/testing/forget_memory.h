#pragma once

#include "cache/cache.h"

namespace cachey::cache {

/// Drops all whole pages from memory.
inline void forget_memory(Cache& cache) {
  for (const PagePtr& page : cache.table().whole_pages()) {
    cache.table().remove(*page);
    page->discard();
  }
}

}  // namespace cachey::cache
