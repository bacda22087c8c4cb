#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
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

  /// A count of its own for each name. Names come and go.
  struct Named {
    std::string name;
    uint64_t total = 0;  ///< only grows
    uint64_t of = 0;     ///< of this number of attempts or requests; only grows
  };
  /// Writes lines `event LABEL=NAME count=N of=M seconds=S advice=TEXT`, each name by the rule
  /// above. `label`: a literal.
  void watch_each(log::Event event, std::string_view label, std::string_view advice,
                  std::function<std::vector<Named>()> totals);

  /// Writes the lines that are due. Once a second.
  void look();

 private:
  /// When the last line was written.
  struct Pace {
    MonoTime told_at;
    bool is_quiet = true;  // the last kEvery had no event

    [[nodiscard]] bool is_due(MonoTime now) const { return is_quiet || now - told_at >= kEvery; }
    /// Notes that the events until now are told. Returns the seconds that they took.
    int64_t told(MonoTime now, bool is_none);
  };
  struct Watched {
    log::Event event;
    std::string_view advice;
    std::vector<Cause> causes;
    std::vector<uint64_t> told;  // of each cause's total
    Pace pace;
  };
  struct Told {
    Named last;
    Pace pace;
  };
  struct WatchedEach {
    log::Event event;
    std::string_view label;
    std::string_view advice;
    std::function<std::vector<Named>()> totals;
    std::map<std::string, Told> told;  // by name
  };

  void look_at(Watched& watched, MonoTime now);
  void look_at(WatchedEach& watched, MonoTime now);

  const Clock& clock_;
  std::vector<Watched> watched_;
  std::vector<WatchedEach> watched_each_;
};

}  // namespace cachey::app
