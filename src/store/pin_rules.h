#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/mutex.h"

namespace cachey::store {

/// The most of a tier that kept pages may take: a number of bytes, or a share.
struct PinLimit {
  uint64_t bytes = 0;   ///< if `percent` is 0
  double percent = 25;  ///< of the tier
  friend bool operator==(const PinLimit&, const PinLimit&) = default;

  [[nodiscard]] uint64_t of(uint64_t tier_bytes) const {
    if (percent <= 0) return bytes;
    return static_cast<uint64_t>(static_cast<double>(tier_bytes) / 100 * percent);
  }
};

/// The objects whose pages are *kept*: not evicted while all kept pages of their tier are within
/// the limit. (The pins of Evictable are another thing: they last for a system call.) A page's name
/// is compared once, when the page is made, written or read from the index at a start; so hits cost
/// nothing. Owned by app::Process; outlives cache and tiers. Any thread.
class PinRules {
 public:
  /// Null: no object is kept.
  using Matches = std::function<bool(std::string_view kind, std::string_view object)>;

  explicit PinRules(Matches matches = nullptr, PinLimit limit = {}) {
    replace(std::move(matches), limit);
  }

  /// From now on these rules count for new pages. The caller then goes through all pages.
  void replace(Matches matches, PinLimit limit) EXCLUDES(mutex_) {
    std::shared_ptr<const Matches> made;
    if (matches != nullptr) made = std::make_shared<const Matches>(std::move(matches));
    any_.store(made != nullptr);
    limit_bytes_.store(limit.bytes);
    limit_percent_.store(limit.percent);
    {
      const MutexLock lock(mutex_);
      matches_.swap(made);
    }
    version_.fetch_add(1);
  }

  [[nodiscard]] bool matches(std::string_view kind, std::string_view object) const {
    if (!any_.load()) return false;
    const std::shared_ptr<const Matches> now = current();
    return now != nullptr && (*now)(kind, object);
  }
  /// The rules of this moment; null: no object is kept.
  [[nodiscard]] std::shared_ptr<const Matches> current() const EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return matches_;
  }
  /// Calls `set` with what matches() says; again, if the rules have changed meanwhile. So a page
  /// that is new has the newest rules, or is met by the walk of their caller.
  template <typename Set>
  void settle(std::string_view kind, std::string_view object, const Set& set) const {
    uint64_t before = 0;
    do {
      before = version();
      set(matches(kind, object));
    } while (before != version());
  }
  /// Grows with each replace().
  [[nodiscard]] uint64_t version() const { return version_.load(); }
  /// Of a tier of this size. Lock-free.
  [[nodiscard]] uint64_t limit_of(uint64_t tier_bytes) const {
    return PinLimit{limit_bytes_.load(), limit_percent_.load()}.of(tier_bytes);
  }

 private:
  std::atomic<bool> any_{false};
  std::atomic<uint64_t> limit_bytes_{0};
  std::atomic<double> limit_percent_{0};
  std::atomic<uint64_t> version_{0};
  mutable Mutex mutex_;
  std::shared_ptr<const Matches> matches_ GUARDED_BY(mutex_);  // null: none
};

/// The kept part of a tier. Values of one moment.
struct KeptPages {
  uint64_t pages = 0;
  uint64_t bytes = 0;
  uint64_t over_limit_pages = 0;  ///< in the tier now, named by the rules, and not kept
  uint64_t over_limit_total = 0;  ///< pages that came when the limit was reached
};

}  // namespace cachey::store
