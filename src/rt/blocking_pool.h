#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "rt/io.h"
#include "rt/waiter.h"

namespace cachey::rt {

/// A few threads for calls that block (files, name look-ups), so that workers never block. Owned by
/// main; outlives the workers' last task. Any thread.
class BlockingPool {
 public:
  explicit BlockingPool(unsigned threads) : pool_(threads) {}
  ~BlockingPool();

  /// Runs `work` on a pool thread, then resumes the caller on its own worker with the result.
  /// `work` must not throw, and must refer only to data that outlives the call.
  template <typename Work>
  [[nodiscard]] Task<std::invoke_result_t<Work&>> run(Work work) {
    std::optional<std::invoke_result_t<Work&>> result;
    const Executor executor = co_await asio::this_coro::executor;
    Waiter waiter(executor);
    asio::post(pool_, [&] {
      result.emplace(work());
      waiter.notify();
    });
    co_await waiter.wait();
    co_return std::move(*result);
  }

  /// Runs `work` on a pool thread and returns at once. `work` must not throw. The pool's destructor
  /// destroys work that has not begun.
  void post(std::move_only_function<void()> work) { asio::post(pool_, std::move(work)); }

 private:
  asio::thread_pool pool_;
};

}  // namespace cachey::rt
