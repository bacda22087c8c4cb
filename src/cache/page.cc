#include "cache/page.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "cache/page_table.h"

namespace cachey::cache {

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

bool Page::due_to_touch_disk(MonoTime now) {
  const int64_t ticks = now.time_since_epoch().count();
  const int64_t last = disk_touched_.load(std::memory_order_relaxed);
  if (MonoTime::duration(ticks - last) < kTouchDiskEvery) return false;
  disk_touched_.store(ticks, std::memory_order_relaxed);
  return true;
}

void Page::on_evicted() noexcept { table_.remove(*this); }

}  // namespace cachey::cache
