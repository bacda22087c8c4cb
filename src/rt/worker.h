#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "rt/io.h"
#include "rt/task_group.h"
#include "rt/timer_wheel.h"

namespace cachey::rt {

/// One thread with its event loop, timers and tasks. An object that is made on a worker is used on
/// that worker only, and the worker outlives the object.
class Worker {
 public:
  Worker(unsigned index, const Clock& clock);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] asio::io_context& io() { return io_; }
  [[nodiscard]] Executor executor() { return io_.get_executor(); }
  /// This worker's thread only.
  [[nodiscard]] TimerWheel& timers() { return timers_; }
  /// This worker's thread only.
  [[nodiscard]] TaskGroup& tasks() { return tasks_; }

  void start();
  /// Ends the loop after the current handler. Any thread.
  void stop();
  void join();

 private:
  const unsigned index_;
  asio::io_context io_{1};  // concurrency hint: one thread runs it
  asio::executor_work_guard<Executor> work_;
  TimerWheel timers_;
  TaskGroup tasks_;
  std::thread thread_;
};

/// All workers of the process. Owned by app::Process.
class Workers {
 public:
  Workers(unsigned count, const Clock& clock);

  [[nodiscard]] size_t size() const { return workers_.size(); }
  [[nodiscard]] Worker& operator[](size_t index) { return *workers_[index]; }

  void start();
  void stop_and_join();

  /// Runs `work` on each worker's thread and returns when all calls have ended. REQUIRES: started;
  /// the caller is no worker's thread.
  void run_on_each(const std::function<void(Worker&)>& work);

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace cachey::rt
