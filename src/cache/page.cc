#include "cache/page.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "cache/page_table.h"

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

Page::Page(PageTable& table, store::MemoryTier& memory, SharedKey::Ptr key, uint32_t index,
           uint64_t content_hash, FetchSpecPtr leader, FillOrder order)
    : store::Evictable(content_hash),
      fill_order_(order),
      page_size_(leader->page_size),
      is_part_(false),
      for_own_buckets_(leader->wishes.own_buckets),
      index_(index),
      begin_(page_size_.begin_of(index)),
      key_(std::move(key)),
      bytes_max_(page_size_.bytes()),
      table_(table),
      memory_(memory),
      leader_(std::move(leader)) {
  memory_.charge(bookkeeping_bytes());
}

Page::Page(PageTable& table, store::MemoryTier& memory, SharedKey::Ptr key, uint32_t index,
           uint64_t content_hash, FetchSpecPtr leader, ByteRange place)
    : store::Evictable(content_hash),
      fill_order_(FillOrder::kFromBegin),
      page_size_(leader->page_size),
      is_part_(true),
      for_own_buckets_(leader->wishes.own_buckets),
      index_(index),
      begin_(place.begin),
      key_(std::move(key)),
      bytes_max_(place.size()),
      table_(table),
      memory_(memory),
      leader_(std::move(leader)) {
  memory_.charge(bookkeeping_bytes());
}

Page::~Page() {
  CHECK(waiters_.empty());
  end_unread();
  memory_.charge(-bookkeeping_bytes());
}

void Page::prefetch_rest(ByteRange range) const {
  constexpr size_t kBytesAhead = 4096;  // the hardware prefetcher takes over from there
  std::array<iovec, 1> bytes;
  range.end = std::min(range.end, memory_bytes());
  if (gather(range, bytes) != 0) {
    cachey::prefetch(bytes[0].iov_base, std::min(bytes[0].iov_len, kBytesAhead));
  }
  cachey::prefetch(source_->info.etag.data(), kCacheLineBytes);
}

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

uint64_t Page::run_end(uint64_t offset) const {
  const PiecePtr piece = pieces_.loaded_at(offset);
  return piece != nullptr ? piece->range().end : filled_.run_end(offset);
}

bool Page::extend_requested(ByteRange part) {
  uint64_t end = requested_end_.load();
  while (part.begin <= end && end < part.end) {
    if (!requested_end_.compare_exchange_weak(end, part.end)) continue;
    const uint64_t middle = page_size_.bytes() / 2;
    return end < middle && part.end >= middle;
  }
  return false;
}

uint64_t Page::parts_of(ByteRange range) const {
  constexpr unsigned kParts = origin::WantedParts::kParts;
  static_assert(kPageBytesMin >= kParts);
  const uint64_t part_bytes = page_size_.bytes() / kParts;
  const uint64_t first = range.begin / part_bytes;
  const uint64_t last = (range.end - 1) / part_bytes;
  return (~uint64_t{0} << first) & (~uint64_t{0} >> (kParts - 1 - last));
}

uint64_t Page::available_end(uint64_t offset) const {
  if (phase() == Phase::kWhole) return memory_bytes();
  const MutexLock lock(mutex_);
  return run_end(offset);
}

PiecePtr Page::piece_at(uint64_t offset) const {
  const MutexLock lock(mutex_);
  return pieces_.loaded_at(offset);
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

int64_t Page::bookkeeping_bytes() const {
  const KeyView names = key();
  size_t texts = names.kind.size() + names.object.size();
  if (source_ != nullptr) {
    texts += source_->info.etag.size() + source_->bucket.size();
    const ObjectAttributesPtr& attributes = source_->info.attributes;
    if (attributes != nullptr) texts += attributes->bytes();  // as if they were not shared
  }
  return kBookkeepingBytes + static_cast<int64_t>(texts);
}

void Page::set_source(ObjectSourcePtr source) {
  const int64_t before = bookkeeping_bytes();
  source_ = std::move(source);
  memory_.charge(bookkeeping_bytes() - before);
}

void Page::set_head(ObjectSourcePtr source) {
  set_source(std::move(source));
  {
    const MutexLock lock(mutex_);
    has_head_.store(true, std::memory_order_release);
    phase_.store(Phase::kFilling, std::memory_order_release);
  }
  wake_settled();
}

void Page::add(ByteRange range) {
  {
    const MutexLock lock(mutex_);
    filled_.add(range);
  }
  wake_settled();
}

void Page::set_other_source(ObjectSourcePtr other) {
  if (other == nullptr) return;
  other_source_ = std::move(other);
  has_other_source_.store(true, std::memory_order_relaxed);
}

void Page::finish(int64_t cached_at, ObjectSourcePtr other) {
  cached_at_ = cached_at;
  set_other_source(std::move(other));
  {
    const MutexLock lock(mutex_);
    CHECK(filled_.run_end(0) == memory_bytes());
    phase_.store(Phase::kWhole, std::memory_order_release);
    leader_.reset();
    filled_ = ByteSet();
  }
  wake_settled();
}

void Page::fail(Error error) {
  error_ = std::move(error);
  {
    const MutexLock lock(mutex_);
    phase_.store(Phase::kFailed, std::memory_order_release);
  }
  wake_settled();
}

void Page::end_look(ObjectSourcePtr source) {
  set_source(std::move(source));
  error_.emplace(ErrorKind::kCancelled, "only the head was asked for");
  {
    const MutexLock lock(mutex_);
    has_head_.store(true, std::memory_order_release);
    phase_.store(Phase::kFailed, std::memory_order_release);
  }
  wake_settled();
}

void Page::set_on_disk(ObjectSourcePtr source, uint64_t bytes, int64_t cached_at) {
  set_source(std::move(source));
  cached_at_ = cached_at;
  disk_bytes_ = bytes;
  {
    const MutexLock lock(mutex_);
    has_head_.store(true, std::memory_order_release);
    phase_.store(Phase::kOnDisk, std::memory_order_release);
    leader_.reset();
  }
  wake_settled();
}

Page::Missing Page::add_missing(ByteRange wanted, LoadAhead ahead) {
  std::vector<PiecePtr> gone;  // destroyed after the lock is released
  Missing missing;
  const MutexLock lock(mutex_);
  if (phase_.load(std::memory_order_relaxed) != Phase::kOnDisk) return missing;
  if (!pieces_.missing(wanted, gone).empty()) {
    const ByteRange range = pieces_.to_load(wanted, disk_bytes_, ahead);
    for (const ByteRange& gap : pieces_.missing(range, gone)) add_pieces(gap, missing.added);
  }
  missing.first = pieces_.piece_at(wanted.begin);
  missing.first_is_added = std::ranges::find(missing.added, missing.first) != missing.added.end();
  return missing;
}

void Page::add_pieces(ByteRange gap, std::vector<PiecePtr>& added) {
  for (uint64_t begin = gap.begin; begin < gap.end;) {
    const uint64_t boundary = (begin / Pieces::kPieceBytesMax + 1) * Pieces::kPieceBytesMax;
    const ByteRange part{begin, std::min(boundary, gap.end)};
    added.emplace_back(new Piece(*this, memory_, part));
    added.back()->set_keep(keep());
    pieces_.add(added.back());
    begin = part.end;
  }
}

std::vector<PiecePtr> Page::pieces() const {
  const MutexLock lock(mutex_);
  return pieces_.all();
}

bool Page::end_load(Piece& piece, Piece::State state) {
  bool had = false;
  PiecePtr taken;  // destroyed after the lock is released
  {
    const MutexLock lock(mutex_);
    had = pieces_.has(piece);
    taken = pieces_.end_load(piece, state);
  }
  wake_settled();
  return had;
}

void Page::remove_piece(const Piece& piece) {
  PiecePtr taken;  // destroyed after the lock is released
  {
    const MutexLock lock(mutex_);
    taken = pieces_.take(piece);
  }
  table_.remove_if_idle(*this);
}

void Page::discard() {
  memory_.discard(*this);
  if (has_reader()) return;  // the last reader calls discard() again
  std::vector<PiecePtr> pieces;
  {
    const MutexLock lock(mutex_);
    pieces = pieces_.take_all();
  }
  for (const PiecePtr& piece : pieces) memory_.discard(*piece);
}

bool Page::idle() const {
  if (phase() != Phase::kOnDisk || has_reader()) return false;
  const MutexLock lock(mutex_);
  return pieces_.empty();
}

bool Page::due_to_touch_disk(MonoTime now) {
  const int64_t ticks = now.time_since_epoch().count();
  const int64_t last = disk_touched_.load(std::memory_order_relaxed);
  if (MonoTime::duration(ticks - last) < kTouchDiskEvery) return false;
  disk_touched_.store(ticks, std::memory_order_relaxed);
  return true;
}

void Page::on_evicted() noexcept { table_.remove(*this); }

}  // namespace cachey::cache
