#pragma once

#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "base/aged_map.h"
#include "base/mutex.h"
#include "base/units.h"

namespace cachey::origin {

/// Facts learned from the store's answers, by name: the region of a bucket, the clock of a host.
/// Shared by all workers. Past kNames the name that was not used for the longest time is forgotten.
/// Any thread.
template <typename T>
class Learned {
 public:
  static constexpr AgedMapLimits kNames{.entries = 1024, .key_bytes = 128 * kKiB};

  [[nodiscard]] std::optional<T> find(std::string_view name) const {
    if (empty_.load(std::memory_order_relaxed)) return std::nullopt;
    const MutexLock lock(mutex_);
    const T* const found = values_.find(name);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  void set(std::string_view name, T value) {
    const MutexLock lock(mutex_);
    values_.set(name, std::move(value));
    empty_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> empty_{true};  // find() takes no lock while there is nothing
  mutable Mutex mutex_;
  mutable AgedMap<T> values_ GUARDED_BY(mutex_){kNames};
};

}  // namespace cachey::origin
