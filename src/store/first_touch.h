#pragma once

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>

namespace cachey::store {

/// A thread that touches free memory before fills need it. The system clears memory at its first
/// touch. For 2 MiB the touch takes 0.2 ms. In a virtual machine the touch takes up to 5 ms, if the
/// host gives memory only then. A worker that touches memory stops all its clients meanwhile.
class FirstTouch {
 public:
  /// `touch_next` runs on the thread until it returns false, again after each wake().
  explicit FirstTouch(std::function<bool()> touch_next);
  /// Waits for the call of `touch_next` that is under way.
  ~FirstTouch();
  FirstTouch(const FirstTouch&) = delete;
  FirstTouch& operator=(const FirstTouch&) = delete;

  /// Any thread.
  void wake();

 private:
  // Below the workers, which wait for this thread only if the kernel makes them. Not at the very
  // end: until Linux 6.4 a touch holds a lock of the whole process.
  static constexpr int kNice = 5;

  void run();

  const std::function<bool()> touch_next_;
  std::atomic<bool> awake_{false};  // a wake() that the thread has not seen yet
  std::atomic<bool> stopping_{false};
  std::binary_semaphore wakes_{0};
  std::thread thread_;
};

}  // namespace cachey::store
