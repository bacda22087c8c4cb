#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/clock.h"
#include "base/line_sink.h"
#include "base/log_line.h"

/// What the process tells of itself: `time level event key=value ...` on standard error, or as
/// JSON. Errors are for what somebody must act on; a client's or an origin's misbehaviour is a
/// warning at most. Never pass a secret. Any thread; never waits for whoever reads.
namespace cachey::log {

enum class Level : uint8_t { kDebug, kInfo, kWarn, kError, kOff };

/// Lines of one event a second; more are counted and left out, the event's next line says how many.
/// Debug lines are not limited.
inline constexpr uint32_t kLinesPerSecondMax = 10;

/// Sends lines of `level` and above to standard error. Until then there are none.
void start(Level level, LogFormat format = LogFormat::kText);

/// For tests: sends the lines to `sink`, and limits floods by `clock` (null: the system's). Both
/// outlive the logging. A null `sink` ends the logging.
void start(Level level, LogFormat format, LineSink* sink, const Clock* clock = nullptr);

/// Waits, a second at most, until all lines are written. Before the process ends by itself.
void flush();

[[nodiscard]] uint64_t dropped();     ///< lines that found no room, because nobody reads
[[nodiscard]] uint64_t suppressed();  ///< lines past kLinesPerSecondMax

namespace detail {
inline constinit std::atomic<Level> threshold{Level::kOff};
void write(Level level, std::string_view event, std::initializer_list<LogField> fields);
}  // namespace detail

[[nodiscard]] inline bool enabled(Level level) {
  return level >= detail::threshold.load(std::memory_order_relaxed);
}

/// `event`: fixed words; what changes belongs in the fields.
inline void debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kDebug)) detail::write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kInfo)) detail::write(Level::kInfo, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kWarn)) detail::write(Level::kWarn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<LogField> fields = {}) {
  if (enabled(Level::kError)) detail::write(Level::kError, event, fields);
}

}  // namespace cachey::log
