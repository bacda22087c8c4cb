#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cachey {

struct LineSinkConfig {
  /// Limit of each queue of unwritten lines. A line that does not fit is dropped and counted.
  size_t queue_bytes_max = size_t{256} << 10;
  /// 1: lines keep their order. More: threads seldom contend, but lines of different threads may
  /// change places. At most kShards.
  size_t queues = 1;
  /// How long the writer waits after a first line for more, so that not each line wakes the writer.
  std::chrono::milliseconds gather{0};
  /// The process's log says that lines cannot be written, and why: at most once in kTellTime. Not
  /// for the sink of the log itself.
  bool tells_failures = false;
};

/// Writes lines to a file descriptor on a thread of its own, so that a slow disk or reader never
/// blocks the callers. Any thread. The destructor writes the queued lines, for at most kFlushTime;
/// a writer thread that is still stuck then is left running.
class LineSink {
 public:
  static constexpr std::chrono::milliseconds kFlushTime{1'000};
  static constexpr std::chrono::seconds kTellTime{60};

  /// Writes to `descriptor` and never closes the descriptor.
  LineSink(int descriptor, const LineSinkConfig& config);
  /// Appends to the file at `path` and creates the file if there is none. kBadRequest: the file
  /// cannot be opened.
  [[nodiscard]] static Result<std::unique_ptr<LineSink>> open(const std::string& path,
                                                              const LineSinkConfig& config);
  ~LineSink();
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  /// Queues a line, given without a newline. Never waits.
  void write(std::string_view line);

  /// For log rotation: opens the path again, and the next lines go to the new file. If that fails,
  /// the lines go on to the old file. Does nothing for a sink of a descriptor.
  [[nodiscard]] Result<void> reopen();

  /// Waits until all queued lines are written. False: that took longer than `limit`.
  bool flush(std::chrono::milliseconds limit = kFlushTime);

  /// Lines that did not fit the queue or could not be written.
  [[nodiscard]] uint64_t dropped() const;

 private:
  struct State;
  explicit LineSink(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;  // shared with the writer's thread
};

}  // namespace cachey
