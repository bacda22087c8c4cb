#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace cachey {

/// Metrics by a label with values that clients choose, a bucket's name for example. Each of the
/// first `values_max` values gets a set of handles (a T from `make`); all later values share the
/// set of `other`. A set lives as long as this object. Look-ups take no lock. Any thread.
template <typename T>
class PerLabel {
 public:
  static constexpr size_t kValuesMax = 128;

  /// REQUIRES: values_max <= kValuesMax.
  PerLabel(size_t values_max, std::function<std::unique_ptr<T>(const std::string&)> make)
      : values_max_(values_max),
        make_(std::move(make)),
        other_(std::make_unique<Entry>("other", make_("other"))) {
    CHECK(values_max <= kValuesMax);
  }

  [[nodiscard]] T& of(std::string_view value) {
    const size_t hash = std::hash<std::string_view>()(value);
    if (T* const found = find(value, hash)) return *found;
    if (full_.load(std::memory_order_acquire)) return *other_->handles;
    return add(value, hash);
  }

  /// The value's own set; null: the value has none.
  [[nodiscard]] T* known(std::string_view value) const {
    return find(value, std::hash<std::string_view>()(value));
  }
  [[nodiscard]] T& other() { return *other_->handles; }

  /// Visits all sets, that of `other` too.
  template <typename Visit>
  void for_each(Visit visit) const {
    visit(std::as_const(*other_->handles));
    for (const std::atomic<const Entry*>& slot : slots_) {
      const Entry* entry = slot.load(std::memory_order_acquire);
      if (entry != nullptr) visit(std::as_const(*entry->handles));
    }
  }

 private:
  static constexpr size_t kSlots = 4 * kValuesMax;  // sparse, so that probe chains are short

  struct Entry {
    Entry(std::string v, std::unique_ptr<T> h) : value(std::move(v)), handles(std::move(h)) {}
    const std::string value;
    const std::unique_ptr<T> handles;
  };

  [[nodiscard]] T* find(std::string_view value, size_t hash) const {
    for (size_t i = 0; i < kSlots; ++i) {
      const Entry* entry = slots_[(hash + i) % kSlots].load(std::memory_order_acquire);
      if (entry == nullptr) break;
      if (entry->value == value) return entry->handles.get();
    }
    return nullptr;
  }

  [[gnu::noinline]] T& add(std::string_view value, size_t hash) {
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < kSlots; ++i) {
      std::atomic<const Entry*>& slot = slots_[(hash + i) % kSlots];
      const Entry* entry = slot.load(std::memory_order_relaxed);
      if (entry != nullptr && entry->value == value) return *entry->handles;
      if (entry != nullptr) continue;
      if (entries_.size() >= values_max_ || value == other_->value) break;
      entries_.push_back(std::make_unique<Entry>(std::string(value), make_(std::string(value))));
      slot.store(entries_.back().get(), std::memory_order_release);
      if (entries_.size() == values_max_) full_.store(true, std::memory_order_release);
      return *entries_.back()->handles;
    }
    return *other_->handles;
  }

  const size_t values_max_;
  const std::function<std::unique_ptr<T>(const std::string&)> make_;
  const std::unique_ptr<Entry> other_;
  std::array<std::atomic<const Entry*>, kSlots> slots_{};  // open addressing; never cleared
  std::atomic<bool> full_{false};
  Mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_ GUARDED_BY(mutex_);
};

}  // namespace cachey
