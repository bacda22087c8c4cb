#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

namespace cachey::app {

/// What `work` returns or throws, on a thread of its own. Nothing if `limit` is over: the thread is
/// left behind in a call that hangs, so the process must end by _Exit(). Throws std::system_error
/// if the system gives no thread.
template <typename Work>
[[nodiscard]] auto result_within(std::chrono::milliseconds limit, Work work)
    -> std::optional<decltype(work())> {
  std::packaged_task<decltype(work())()> task(std::move(work));
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  if (result.wait_for(limit) != std::future_status::ready) return std::nullopt;
  return result.get();
}

}  // namespace cachey::app
