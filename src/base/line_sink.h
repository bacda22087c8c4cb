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
  /// Lines that wait to be written, a queue; what does not fit is dropped and counted.
  size_t queue_bytes_max = size_t{256} << 10;
  /// 1: lines keep their order. More: threads do not meet, and lines of different ones may change
  /// places. At most kShards.
  size_t queues = 1;
  /// How long the writer waits for more after a first line, so that not every line wakes it.
  std::chrono::milliseconds gather{0};
};

/// Writes lines to a file descriptor from a thread of its own, so that a disk or a reader that
/// blocks never blocks who has something to say. Any thread. Destroying it writes what waits, for
/// kFlushTime at most; a writer that is stuck then is left behind.
class LineSink {
 public:
  static constexpr std::chrono::milliseconds kFlushTime{1'000};

  /// Writes to `descriptor`, which is not closed.
  LineSink(int descriptor, const LineSinkConfig& config);
  /// Appends to the file at `path`, made where there is none; reopen() opens it anew. kBadRequest
  /// where it cannot be opened.
  [[nodiscard]] static Result<std::unique_ptr<LineSink>> open(const std::string& path,
                                                              const LineSinkConfig& config);
  ~LineSink();
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  /// Takes a line, without its end. Never waits.
  void write(std::string_view line);

  /// The file has been moved away: opens the path again, and the next lines go there. Where that
  /// fails the old file goes on. For a descriptor: nothing.
  [[nodiscard]] Result<void> reopen();

  /// Waits until all that was taken is written. False: not within `limit`.
  bool flush(std::chrono::milliseconds limit = kFlushTime);

  /// Lines that did not fit, or that could not be written.
  [[nodiscard]] uint64_t dropped() const;

 private:
  struct State;
  explicit LineSink(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;  // with the writer's thread
};

}  // namespace cachey
