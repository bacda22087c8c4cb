// The readers that wait for a page, and the terms of its fill.

#include <limits>

#include "cache/page.h"

namespace cachey::cache {

/// What a reader waits for: one piece, one byte or, if neither is set, the head.
struct Page::Awaited {
  std::optional<uint64_t> offset;  // of the byte
  PiecePtr piece;
  const FetchSpec* reader = nullptr;  // for the head: the terms of the reader
};

struct Page::Waiting : rt::Waiter {
  Waiting(const rt::Executor& executor, Awaited a) : rt::Waiter(executor), awaited(std::move(a)) {}
  const Awaited awaited;
  // The page's mutex guards these two.
  uint32_t others = 0;           // 1: the reader's terms are not the fill's
  bool waiting = false;          // in the page's list
  std::optional<Error> failure;  // of the fill under the reader's terms
};

namespace {

constexpr uint64_t kPastAllBytes = std::numeric_limits<uint64_t>::max();

Result<void> result_of(rt::WaitEnd end) {
  switch (end) {
    case rt::WaitEnd::kNotified:
      return {};
    case rt::WaitEnd::kTimeout:
      return fail(ErrorKind::kTimeout, "the request's own time is over");
    case rt::WaitEnd::kStopped:
      return fail(ErrorKind::kCancelled, "the client has left");
  }
  return {};
}

}  // namespace

FetchSpecPtr Page::leader() const {
  const MutexLock lock(mutex_);
  return leader_;
}

void Page::set_leader(FetchSpecPtr leader, std::optional<Error> failure) {
  rt::WaiterList woken;
  {
    const MutexLock lock(mutex_);
    for (auto it = waiters_.begin(); failure && it != waiters_.end();) {
      auto& waiting = static_cast<Waiting&>(*it++);
      if (waiting.others != 0) continue;
      waiting.failure = failure;
      take_out(waiting);
      woken.push_back(waiting);
    }
    leader_.swap(leader);
  }
  rt::notify_all(woken);
}

bool Page::has_others_waiting() const {
  const MutexLock lock(mutex_);
  return others_waiting_ != 0;
}

bool Page::settled(const Waiting& waiting) const {
  const Awaited& awaited = waiting.awaited;
  if (awaited.piece != nullptr) return awaited.piece->state() != Piece::State::kLoading;
  const Phase now = phase_.load(std::memory_order_relaxed);
  if (now == Phase::kFailed || now == Phase::kWhole) return true;
  if (!awaited.offset) return now != Phase::kPending;
  return filled_.run_end(*awaited.offset) > *awaited.offset;
}

bool Page::enqueue(Waiting& waiting) {
  const MutexLock lock(mutex_);
  if (settled(waiting)) return false;
  const FetchSpec* const reader = waiting.awaited.reader;
  if (reader != nullptr && leader_ != nullptr && !reader->same_terms(*leader_)) waiting.others = 1;
  others_waiting_ += waiting.others;
  waiting.waiting = true;
  waiters_.push_back(waiting);
  return true;
}

/// The waiter may be in a list of woken ones from now on, which leave_list() must not touch.
void Page::take_out(Waiting& waiting) {
  waiting.waiting = false;
  others_waiting_ -= waiting.others;
  waiters_.erase(waiters_.iterator_to(waiting));
}

bool Page::leave_list(Waiting& waiting) {
  const MutexLock lock(mutex_);
  if (!waiting.waiting) return false;
  take_out(waiting);
  return true;
}

rt::Task<Result<void>> Page::wait_head(rt::Worker& worker, const FetchSpec& reader,
                                       rt::Until until) {
  return wait(worker, Awaited{std::nullopt, nullptr, &reader}, std::move(until));
}

rt::Task<Result<void>> Page::wait_byte(rt::Worker& worker, uint64_t offset, rt::Until until) {
  return wait(worker, Awaited{offset, nullptr}, std::move(until));
}

rt::Task<Result<void>> Page::wait_whole(rt::Worker& worker, rt::Until until) {
  return wait(worker, Awaited{kPastAllBytes, nullptr}, std::move(until));
}

rt::Task<Result<void>> Page::wait_piece(rt::Worker& worker, PiecePtr piece, rt::Until until) {
  return wait(worker, Awaited{std::nullopt, std::move(piece)}, std::move(until));
}

rt::Task<Result<void>> Page::wait(rt::Worker& worker, Awaited awaited, rt::Until until) {
  Waiting waiting(worker.executor(), std::move(awaited));
  if (!enqueue(waiting)) co_return Result<void>();
  std::move_only_function<bool()> leave = [this, &waiting] { return leave_list(waiting); };
  const rt::WaitEnd end =
      co_await waiting.wait_until(worker.timers(), std::move(until), std::move(leave));
  if (waiting.failure) co_return std::unexpected(std::move(*waiting.failure));
  co_return result_of(end);
}

void Page::wake_settled() {
  rt::WaiterList woken;
  {
    const MutexLock lock(mutex_);
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      auto& waiting = static_cast<Waiting&>(*it++);
      if (!settled(waiting)) continue;
      take_out(waiting);
      woken.push_back(waiting);
    }
  }
  rt::notify_all(woken);
}

}  // namespace cachey::cache
