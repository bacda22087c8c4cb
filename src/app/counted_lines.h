#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"

namespace cachey::app {

/// Log lines about events of which each request may cause one, such as refusals: the first line
/// within a second of the first event, then at most one line each kEvery, with the number of events
/// since the last line. No event is left out. Costs the requests nothing, because the numbers come
/// from counters. Owned by Process. One thread.
class CountedLines {
 public:
  static constexpr std::chrono::seconds kEvery{60};

  /// The part of the events that has one cause.
  struct Cause {
    std::string_view name;            ///< a literal; empty: there is one cause only
    std::function<uint64_t()> total;  ///< only grows
  };

  explicit CountedLines(const Clock& clock) : clock_(clock) {}

  /// Writes lines `event count=N seconds=S causes="NAME N, ..." advice=TEXT` at level warning.
  /// `advice`: a literal.
  void watch(log::Event event, std::string_view advice, std::vector<Cause> causes);

  /// Writes the lines that are due. Once a second.
  void look();

 private:
  struct Watched {
    log::Event event;
    std::string_view advice;
    std::vector<Cause> causes;
    std::vector<uint64_t> told;  // of each cause's total
    MonoTime told_at;
    bool is_quiet = true;  // the last kEvery had no event
  };

  void look_at(Watched& watched, MonoTime now);

  const Clock& clock_;
  std::vector<Watched> watched_;
};

}  // namespace cachey::app
