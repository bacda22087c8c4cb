#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>

#include "store/evictable.h"

namespace cachey::store {

/// A page of no object, for tests and benches of the memory tier and its policy.
class TestPage final : public Evictable {
 public:
  /// `bytes`: the weight for the policy until the page has memory.
  explicit TestPage(uint64_t hash, uint64_t bytes = 0) : Evictable(hash, bytes) {}

  void on_evicted() noexcept override { evicted_.store(true); }
  [[nodiscard]] bool evicted() const { return evicted_.load(); }

 private:
  std::atomic<bool> evicted_{false};
};

using TestPagePtr = boost::intrusive_ptr<TestPage>;

}  // namespace cachey::store
