#include "store/disk/write_queue.h"

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr size_t kReferenceBytes = 64;  // a source and its place in the queue, about

}  // namespace

WriteQueue::Source WriteQueue::take_first() {
  Source first = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= first->bytes();
  return first;
}

std::vector<WriteQueue::Source> WriteQueue::push(Source source) {
  std::vector<Source> left;
  const uint64_t bytes = source->bytes();
  const MutexLock lock(mutex_);
  while (!waiting_.empty() &&
         (waiting_.size() >= limits_.pages || waiting_bytes_ + bytes > limits_.bytes)) {
    left.push_back(take_first());
  }
  waiting_bytes_ += bytes;
  waiting_.push_back(std::move(source));
  return left;
}

bool WriteQueue::next_may_begin() const {
  if (waiting_.empty()) return false;
  if (active_ == 0) return true;
  return active_ < limits_.at_once &&
         active_bytes_ + waiting_.front()->bytes() <= limits_.bytes_at_once;
}

std::optional<WriteQueue::Turn> WriteQueue::begin() {
  const MutexLock lock(mutex_);
  if (!next_may_begin()) return std::nullopt;
  Source first = take_first();
  ++active_;
  active_bytes_ += first->bytes();
  return Turn(*this, std::move(first));
}

void WriteQueue::end(uint64_t bytes) {
  const MutexLock lock(mutex_);
  CHECK(active_ > 0 && active_bytes_ >= bytes);
  --active_;
  active_bytes_ -= bytes;
}

bool WriteQueue::may_begin() const {
  const MutexLock lock(mutex_);
  return next_may_begin();
}

bool WriteQueue::has_room(uint64_t bytes) const {
  const MutexLock lock(mutex_);
  return waiting_.empty() ||
         (waiting_.size() < limits_.pages && waiting_bytes_ + bytes <= limits_.bytes);
}

std::deque<WriteQueue::Source> WriteQueue::clear() {
  const MutexLock lock(mutex_);
  waiting_bytes_ = 0;
  return std::exchange(waiting_, {});
}

uint64_t WriteQueue::bytes() const {
  const MutexLock lock(mutex_);
  return waiting_bytes_ + active_bytes_;
}

size_t WriteQueue::memory_bytes() const {
  const MutexLock lock(mutex_);
  return waiting_.size() * kReferenceBytes;
}

}  // namespace cachey::store
