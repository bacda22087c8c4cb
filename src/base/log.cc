#include "base/log.h"

#include <unistd.h>

#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/mutex.h"
#include "base/recent_lines.h"

namespace cachey::log {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
constexpr size_t kQueueBytesMax = size_t{1} << 20;
constexpr std::chrono::seconds kFloodWindow{1};  // of kLinesPerSecondMax
constexpr size_t kEventsMax = 1000;              // far more than the program has

/// The lines of one event in its current window.
struct Flood {
  MonoTime began;
  uint32_t lines = 0;
  uint64_t suppressed = 0;
};

struct Output {
  const SystemClock system_clock;
  std::atomic<const Clock*> clock{&system_clock};
  std::atomic<LineSink*> sink{nullptr};
  std::atomic<LogFormat> format{LogFormat::kText};
  std::atomic<uint64_t> suppressed{0};
  RecentLines warnings;  // and errors
  Mutex mutex;
  std::map<std::string_view, Flood> floods GUARDED_BY(mutex);  // by event: views of literals
};

/// Never destroyed, because lines may be written while the process ends.
Output& output() {
  static auto* const the_output = new Output;
  return *the_output;
}

/// The number of lines of this event that were left out before this line. Null: leave this line
/// out too.
std::optional<uint64_t> admit(std::string_view event) {
  Output& out = output();
  const MonoTime now = out.clock.load()->mono();
  const MutexLock lock(out.mutex);
  if (out.floods.size() >= kEventsMax && !out.floods.contains(event)) return 0;
  Flood& flood = out.floods[event];
  if (now - flood.began >= kFloodWindow) {
    const uint64_t before = flood.suppressed;
    flood = Flood{now, 1, 0};
    return before;
  }
  if (flood.lines < kLinesPerSecondMax) {
    ++flood.lines;
    return 0;
  }
  ++flood.suppressed;
  return std::nullopt;
}

std::string text_of(std::initializer_list<LogField> fields) {
  LogLine line(LogFormat::kText);
  for (const LogField& field : fields) line.add(field);
  return std::string(line.finish());
}

}  // namespace

void start(Level level, LogFormat format) {
  LineSinkConfig config;
  config.queue_bytes_max = kQueueBytesMax;
  start(level, format, new LineSink(STDERR_FILENO, config));  // never deleted, like Output
}

void start(Level level, LogFormat format, LineSink* sink, const Clock* clock) {
  output().clock.store(clock == nullptr ? &output().system_clock : clock);
  output().format.store(format);
  output().sink.store(sink);
  detail::threshold.store(sink == nullptr ? Level::kOff : level);
}

void set_level(Level level) {
  if (output().sink.load() != nullptr) detail::threshold.store(level);
}

void flush() {
  if (LineSink* sink = output().sink.load()) (void)sink->flush();
}

uint64_t dropped() {
  const LineSink* sink = output().sink.load();
  return sink == nullptr ? 0 : sink->dropped();
}

uint64_t suppressed() { return output().suppressed.load(std::memory_order_relaxed); }

std::vector<RecentLines::Line> recent_warnings() { return output().warnings.newest_first(); }

void detail::write(Level level, Event event, std::initializer_list<LogField> fields, Limit limit) {
  uint64_t left_out = 0;
  if (level != Level::kDebug && limit == Limit::kPerSecond) {
    const std::optional<uint64_t> admitted = admit(event.text());
    if (!admitted) {
      output().suppressed.fetch_add(1, std::memory_order_relaxed);
      if (level >= Level::kWarn) output().warnings.add_repeat(event.text());
      return;
    }
    left_out = *admitted;
  }
  LineSink* sink = output().sink.load();
  if (sink == nullptr) return;
  const auto now = output().clock.load()->wall();
  const std::string_view name = kNames[static_cast<size_t>(level)];
  if (level >= Level::kWarn) output().warnings.add(now, name, event.text(), text_of(fields));
  LogLine line(output().format.load());
  line.add_word("time", format_log_time(now));
  line.add_word("level", name);
  line.add_word("event", event.text());
  for (const LogField& field : fields) line.add(field);
  if (left_out > 0) line.add(LogField("suppressed", left_out));
  sink->write(line.finish());
}

}  // namespace cachey::log
