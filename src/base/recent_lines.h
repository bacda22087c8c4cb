#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace cachey {

/// The newest lines of the log, each once: a line that comes again is counted. At most kLinesMax
/// lines; past it the line goes that is the oldest. One event has at most kLinesPerEvent of them,
/// so that a flood of one event leaves room for others. Any thread.
class RecentLines {
 public:
  static constexpr size_t kLinesMax = 20;
  static constexpr size_t kLinesPerEvent = 5;
  static constexpr size_t kTextBytesMax = 300;  ///< a longer text is cut

  struct Line {
    std::chrono::system_clock::time_point time;  ///< of the last repeat
    std::string_view level;                      ///< a constant
    std::string_view event;                      ///< a constant
    std::string text;                            ///< the fields, UTF-8
    uint64_t count = 0;                          ///< this line and its repeats
  };

  /// `level` and `event` live as long as the process.
  void add(std::chrono::system_clock::time_point time, std::string_view level,
           std::string_view event, std::string_view text) EXCLUDES(mutex_);
  /// A line of the event was left out, because there are too many: counts for its newest line.
  void add_repeat(std::string_view event) EXCLUDES(mutex_);

  /// The newest line first.
  [[nodiscard]] std::vector<Line> newest_first() const EXCLUDES(mutex_);

 private:
  using Lines = std::vector<Line>;
  /// The place of the event's next line: that of a line that must go, or the end.
  [[nodiscard]] Lines::iterator place_for(std::string_view event) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Lines lines_ GUARDED_BY(mutex_);  // the oldest first
};

namespace log {
/// The last warnings and errors of the process's log, the newest first. Any thread.
[[nodiscard]] std::vector<RecentLines::Line> recent_warnings();
}  // namespace log

}  // namespace cachey
