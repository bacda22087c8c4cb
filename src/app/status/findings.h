#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/status/finding.h"
#include "app/status/rules.h"

namespace cachey::app {

/// The findings that hold. Writes a log line when one begins, gets bad, or ends. update() and
/// worst_first(): one thread at a time; is_on(): any thread.
class Findings {
 public:
  /// Once a second.
  void update(const Scene& scene);

  /// Bad ones before warnings, then in the order of the codes.
  [[nodiscard]] std::vector<Finding> worst_first() const;
  [[nodiscard]] bool is_on(FindingCode code) const {
    return on_[static_cast<size_t>(code)].load(std::memory_order_relaxed);
  }

 private:
  struct State {
    Finding finding;
    bool began = false;
    int64_t first_held = 0;  // second_ then
    int64_t last_held = 0;
  };
  void begin(State& state, Judgement judgement, int64_t now_ms);
  void end(State& state);

  int64_t second_ = 0;  // updates so far: the wall clock may jump
  std::array<State, kFindingCodes> states_;
  std::array<std::atomic<bool>, kFindingCodes> on_{};
};

}  // namespace cachey::app
