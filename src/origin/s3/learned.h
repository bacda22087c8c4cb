#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"

namespace cachey::origin {

/// Facts learned from the store's answers, by name: the region of a bucket, the clock of a host.
/// Shared by all workers. When full, all names are dropped. Any thread.
template <typename T>
class Learned {
 public:
  static constexpr size_t kNamesMax = 1024;

  [[nodiscard]] std::optional<T> find(std::string_view name) const {
    if (empty_.load(std::memory_order_relaxed)) return std::nullopt;
    const ReaderLock lock(mutex_);
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

  void set(const std::string& name, T value) {
    const WriterLock lock(mutex_);
    if (values_.size() >= kNamesMax && !values_.contains(name)) values_.clear();
    values_.insert_or_assign(name, std::move(value));
    empty_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> empty_{true};  // find() takes no lock while there is nothing
  mutable SharedMutex mutex_;
  std::map<std::string, T, std::less<>> values_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
