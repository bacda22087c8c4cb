#pragma once

#include <atomic>
#include <optional>
#include <utility>

namespace cachey::cache {

/// The right to one of several works that run at a time, until it is destroyed. Any thread.
class WalkTurn {
 public:
  /// Nothing: `most` turns are out. `running` counts them, begins at 0 and outlives the turns.
  [[nodiscard]] static std::optional<WalkTurn> take(std::atomic<int>& running, int most) {
    WalkTurn turn(running);
    if (running.fetch_add(1) >= most) return std::nullopt;
    return turn;
  }
  WalkTurn(WalkTurn&& other) noexcept : running_(std::exchange(other.running_, nullptr)) {}
  WalkTurn& operator=(WalkTurn&&) = delete;
  ~WalkTurn() {
    if (running_ != nullptr) running_->fetch_sub(1);
  }

 private:
  explicit WalkTurn(std::atomic<int>& running) : running_(&running) {}

  std::atomic<int>* running_;
};

}  // namespace cachey::cache
