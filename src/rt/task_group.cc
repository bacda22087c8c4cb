#include "rt/task_group.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "base/log.h"

namespace cachey::rt {

void TaskGroup::spawn(Task<void> task) {
  ++size_;
  auto completed = [this](const std::exception_ptr& failure) {
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        log::error("task failed", {{"error", e.what()}});
      }
    }
    ended();
  };
  asio::co_spawn(executor_, std::move(task), std::move(completed));
}

void TaskGroup::when_empty(std::move_only_function<void()> done) {
  if (size_ == 0) return done();
  done_ = std::move(done);
}

void TaskGroup::ended() {
  --size_;
  if (size_ != 0 || !done_) return;
  auto done = std::exchange(done_, nullptr);
  done();
}

}  // namespace cachey::rt
