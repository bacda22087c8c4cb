#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>

#include "store/evictable.h"

namespace cachey::store {

/// A page for tests and benches of the memory tier and its policy: it belongs to no object.
class TestPage final : public Evictable {
 public:
  /// `bytes`: its weight for the policy until it has memory.
  explicit TestPage(uint64_t hash, uint64_t bytes = 0) : Evictable(hash, bytes) {}

  void on_evicted() noexcept override { evicted_.store(true); }
  [[nodiscard]] bool evicted() const { return evicted_.load(); }

 private:
  std::atomic<bool> evicted_{false};
};

using TestPagePtr = boost::intrusive_ptr<TestPage>;

}  // namespace cachey::store
