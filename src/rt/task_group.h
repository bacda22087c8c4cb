#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "rt/io.h"

namespace cachey::rt {

/// Coroutines that somebody answers for: counts those that run, logs what they throw, and tells
/// when the last has ended. One worker's thread. REQUIRES: empty when destroyed, or its io_context
/// is being destroyed too.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor) : executor_(std::move(executor)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the group's executor: at once, where that is the calling thread's, and it may
  /// have ended when the call returns. An exception that leaves it is logged as an error of
  /// ours.
  void spawn(Task<void> task);

  [[nodiscard]] size_t size() const { return size_; }

  /// Calls `done` once, on the worker's thread, when no task runs: at once where none does.
  void when_empty(std::move_only_function<void()> done);

 private:
  void ended();

  const Executor executor_;
  size_t size_ = 0;
  std::move_only_function<void()> done_;
};

}  // namespace cachey::rt
