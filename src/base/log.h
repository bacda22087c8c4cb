#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/clock.h"
#include "base/line_sink.h"
#include "base/log_line.h"

/// The process's log: lines of `time level event key=value ...`, or JSON, on standard error. An
/// error needs an operator's action; a client's or an origin's misbehaviour is at most a warning.
/// Never pass a secret. Any thread. Never waits for the reader of standard error.
namespace cachey::log {

enum class Level : uint8_t { kDebug, kInfo, kWarn, kError, kOff };

/// Lines per event and second. More are left out and counted; the event's next line has the count.
/// Debug lines and those of audit() are not limited.
inline constexpr uint32_t kLinesPerSecondMax = 10;

/// Sends lines of `level` and above to standard error. Before the first call all lines are dropped.
void start(Level level, LogFormat format = LogFormat::kText);

/// For tests: sends the lines to `sink`, with times of `clock` (null: the system's). Both
/// outlive the logging. A null `sink` ends the logging.
void start(Level level, LogFormat format, LineSink* sink, const Clock* clock = nullptr);

/// From now on lines of `level` and above are written. No effect before start().
void set_level(Level level);

/// Waits until all lines are written, for at most LineSink::kFlushTime. To be called before the
/// process ends itself.
void flush();

[[nodiscard]] uint64_t dropped();     ///< lines that did not fit the queue
[[nodiscard]] uint64_t suppressed();  ///< lines past kLinesPerSecondMax

/// Says what happened, in fixed words. The log keeps a view of the text, so the text must live as
/// long as the process: only constants of the program compile. Values go into fields.
class Event {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is an event
  consteval Event(const char* text) : text_(text) {}
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

namespace detail {
inline constinit std::atomic<Level> threshold{Level::kOff};
enum class Limit : uint8_t { kPerSecond, kNone };
void write(Level level, Event event, std::initializer_list<LogField> fields,
           Limit limit = Limit::kPerSecond);
}  // namespace detail

[[nodiscard]] inline bool enabled(Level level) {
  return level >= detail::threshold.load(std::memory_order_relaxed);
}

inline void debug(Event event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kDebug)) detail::write(Level::kDebug, event, fields);
}
inline void info(Event event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kInfo)) detail::write(Level::kInfo, event, fields);
}
inline void warn(Event event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kWarn)) detail::write(Level::kWarn, event, fields);
}
inline void error(Event event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kError)) detail::write(Level::kError, event, fields);
}

/// What a holder of an admin token has done: each time is a line.
inline void audit(Level level, Event event, std::initializer_list<LogField> fields) {
  if (enabled(level)) detail::write(level, event, fields, detail::Limit::kNone);
}

}  // namespace cachey::log
