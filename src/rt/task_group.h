#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "rt/io.h"

namespace cachey::rt {

/// Starts coroutines and counts those that run, so that none is detached. Logs their exceptions and
/// calls back when the last one has ended. One worker's thread. REQUIRES: no task runs when the
/// group is destroyed, unless its io_context is being destroyed too.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor) : executor_(std::move(executor)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the group's executor. On the executor's own thread the task starts at once
  /// and may have ended when spawn() returns. Its exceptions are logged as errors of ours.
  void spawn(Task<void> task);

  [[nodiscard]] size_t size() const { return size_; }

  /// Calls `done` once, on the worker's thread, when no task runs; at once if none runs now.
  void when_empty(std::move_only_function<void()> done);

 private:
  void ended();

  const Executor executor_;
  size_t size_ = 0;
  std::move_only_function<void()> done_;
};

}  // namespace cachey::rt
