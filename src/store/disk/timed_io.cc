#include "store/disk/timed_io.h"

#include <cerrno>
#include <functional>
#include <new>
#include <span>
#include <utility>

#include "rt/waiter.h"

namespace cachey::store {

/// Shared by the coroutine that waits and by the one that runs the operation. One worker's thread.
struct TimedIo::Operation {
  const Kind kind = Kind::kSync;
  const uint64_t offset = 0;
  const iovec part{};
  const Keep keep;
  bool done = false;
  bool late = false;  // the wait has timed out
  IoStatus status;
  rt::Waiter* waiter = nullptr;
};

rt::Task<IoStatus> TimedIo::perform(rt::Worker& worker, const Operation& operation) {
  const std::span<const iovec> parts(&operation.part, 1);
  switch (operation.kind) {
    case Kind::kRead:
      co_return co_await device_.read(worker, operation.offset, parts);
    case Kind::kWrite:
      co_return co_await device_.write(worker, operation.offset, parts);
    case Kind::kSync:
      co_return co_await device_.sync(worker);
  }
  co_return IoStatus{EINVAL};
}

rt::Task<void> TimedIo::run(rt::Worker& worker, std::shared_ptr<Operation> operation) {
  try {
    operation->status = co_await perform(worker, *operation);
  } catch (const std::bad_alloc&) {
    operation->status = IoStatus{ENOMEM};
  }
  operation->done = true;
  if (operation->waiter != nullptr) operation->waiter->notify();
  if (operation->late) --unanswered_;
}

rt::Task<IoStatus> TimedIo::in_time(rt::Worker& worker, std::shared_ptr<Operation> operation) {
  worker.tasks().spawn(run(worker, operation));
  if (operation->done) co_return operation->status;
  rt::Waiter waiter(worker.executor());
  operation->waiter = &waiter;
  std::move_only_function<bool()> leave_list = [operation] {
    if (operation->done) return false;
    operation->waiter = nullptr;
    return true;
  };
  const MonoTime deadline = clock_.mono() + limit_;
  const bool in_time = co_await waiter.wait_until(worker.timers(), deadline, std::move(leave_list));
  if (in_time) co_return operation->status;
  operation->late = true;
  ++unanswered_;
  co_return IoStatus{ETIMEDOUT};
}

rt::Task<IoStatus> TimedIo::read(rt::Worker& worker, uint64_t offset, iovec into, Keep keep) {
  return in_time(worker, std::make_shared<Operation>(Kind::kRead, offset, into, std::move(keep)));
}

rt::Task<IoStatus> TimedIo::write(rt::Worker& worker, uint64_t offset, iovec from, Keep keep) {
  return in_time(worker, std::make_shared<Operation>(Kind::kWrite, offset, from, std::move(keep)));
}

rt::Task<IoStatus> TimedIo::sync(rt::Worker& worker) {
  return in_time(worker, std::make_shared<Operation>());
}

}  // namespace cachey::store
