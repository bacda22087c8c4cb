#include "store/memory_tier.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::store {

namespace {

constexpr std::chrono::milliseconds kAllocationPoll{10};  // between two tries to allocate
constexpr size_t kSlabsTried = 4;                         // the emptiest first
constexpr size_t kPutBackMax = 512;                       // pages that get another look, at a time
constexpr bool kAdopt = false;  // for intrusive_ptr: the reference is counted already

AdmissionsConfig admissions_config(const MemoryTierConfig& config) {
  return {config.admission_timeout, config.waiting_per_bucket_max, config.waiting_max};
}

}  // namespace

// How a page loses its memory: try_take(), under the mutex, turns pins_ to kGone, and its caller
// releases the extents. Readers with a reference but no pin notice at their next try_pin().

MemoryTier::MemoryTier(MemoryTierConfig config, std::unique_ptr<EvictionPolicy> policy,
                       const Clock& clock)
    : config_(config),
      clock_(clock),
      bodies_(
          admissions_config(config),
          [this] { return std::max(room_bytes() - room_bytes() / kPiecesShare, kPageBytes); },
          clock),
      pieces_(
          admissions_config(config),
          [this] { return std::max(room_bytes() / kPiecesShare, Arena::kSlabBytes); }, clock),
      arena_(config.limit_bytes),
      policy_(std::move(policy)) {}

MemoryTier::~MemoryTier() {
  Evicted evicted;
  const MutexLock lock(mutex_);
  put_back_aside(SIZE_MAX);
  while (true) {
    const Victim<Evictable> found = policy_->victim([](Evictable&) { return Verdict::kEvict; });
    if (found.none()) break;
    if (found.again) continue;
    evicted.emplace_back(found.entry, kAdopt);
    if (found.entry->try_take()) arena_.release(found.entry->extents_, found.entry);
  }
}

rt::Task<Result<void>> MemoryTier::allocate(rt::Worker& worker, Evictable& page, uint64_t bytes) {
  CHECK(page.extents_.empty());
  const MonoTime start = clock_.mono();
  while (true) {
    // A stuck reader loses its page after reader_patience, a live reader only if this allocation
    // has waited as long.
    const LiveReaders live_readers = clock_.mono() - start <= config_.reader_patience
                                         ? LiveReaders::kSpare
                                         : LiveReaders::kEvict;
    if (try_allocate(page, bytes, live_readers)) co_return Result<void>();
    if (clock_.mono() - start > config_.admission_timeout) break;
    co_await worker.timers().sleep(kAllocationPoll);
  }
  stats_.refused.fetch_add(1, std::memory_order_relaxed);
  co_return fail(ErrorKind::kOverloaded, "the cache's memory is being read; try again soon");
}

bool MemoryTier::try_allocate(Evictable& page, uint64_t bytes, LiveReaders live_readers) {
  Evicted evicted;
  bool allocated = false;
  {
    const MutexLock lock(mutex_);
    put_back_aside(kPutBackMax);
    arena_.set_limit(room_bytes());
    const uint64_t needed = Arena::rounded(bytes);
    while (arena_.committed_bytes() > arena_.limit_bytes() ||
           !(allocated = arena_.allocate(bytes, &page, page.extents_))) {
      // Enough is free, but in pieces: empty one slab instead of evicting many more pages.
      const bool in_pieces =
          arena_.used_bytes() + needed + Arena::kSlabBytes <= arena_.limit_bytes();
      if (in_pieces && empty_a_slab(live_readers, evicted)) continue;
      if (!evict_one(live_readers, evicted)) break;
    }
    if (allocated) {
      page.tier_ = this;
      page.bytes_ = bytes;
    }
  }
  for (const EvictablePtr& gone : evicted) gone->on_evicted();
  return allocated;
}

bool MemoryTier::try_claim(Evictable& page, MonoTime now, LiveReaders live_readers) const {
  if (live_readers == LiveReaders::kSpare && page.has_live_reader(now, config_.reader_patience))
    return false;
  return page.try_take();
}

void MemoryTier::take_memory(Evictable& page, Evicted& evicted) {
  arena_.release(page.extents_, &page);
  stats_.evictions.fetch_add(1, std::memory_order_relaxed);
  stats_.pages.fetch_sub(1, std::memory_order_relaxed);
  evicted.emplace_back(&page, kAdopt);  // the reference that insert() added
}

bool MemoryTier::evict_one(LiveReaders live_readers, Evicted& evicted) {
  const MonoTime now = clock_.mono();
  Evictable::List aside;
  auto verdict = [&](Evictable& page) {
    if (try_claim(page, now, live_readers)) return Verdict::kEvict;
    aside.push_back(page);
    return Verdict::kSetAside;
  };
  Victim<Evictable> found;
  do found = policy_->victim(verdict);
  while (found.again);
  aside_.splice(aside_.end(), aside);
  if (found.none()) return false;
  take_memory(*found.entry, evicted);
  return true;
}

void MemoryTier::put_back_aside(size_t count) {
  for (; count > 0 && !aside_.empty(); --count) {
    Evictable& page = aside_.front();
    aside_.pop_front();
    policy_->put_back(page);
  }
}

void MemoryTier::remove(Evictable& page) {
  if (policy_->is_set_aside(page)) aside_.erase(aside_.iterator_to(page));
  policy_->remove(page);
}

bool MemoryTier::empty_a_slab(LiveReaders live_readers, Evicted& evicted) {
  const MonoTime now = clock_.mono();
  for (size_t skip = 0; skip < kSlabsTried; ++skip) {
    std::vector<void*> owners = arena_.owners_of_emptiest_slab(skip);
    std::ranges::sort(owners);
    const auto repeated = std::ranges::unique(owners);
    owners.erase(repeated.begin(), repeated.end());
    bool evicted_any = false;
    for (void* owner : owners) {
      auto& page = *static_cast<Evictable*>(owner);
      if (!policy_->contains(page) || !try_claim(page, now, live_readers)) continue;
      remove(page);
      take_memory(page, evicted);
      evicted_any = true;
    }
    if (evicted_any) return true;
  }
  return false;
}

void MemoryTier::publish(Evictable& page) {
  {
    const MutexLock lock(mutex_);
    if (!policy_->contains(page)) insert(page);
  }
  if (page.unwanted_.load()) discard(page);
}

void MemoryTier::insert(Evictable& page) {
  intrusive_ptr_add_ref(&page);
  policy_->insert(page);
  stats_.insertions.fetch_add(1, std::memory_order_relaxed);
  stats_.pages.fetch_add(1, std::memory_order_relaxed);
}

void MemoryTier::discard(Evictable& page) {
  page.unwanted_.store(true);
  const bool read = page.readers_.load() > 0;
  if (!read) page.pins_.fetch_or(Evictable::kDoomed, std::memory_order_acq_rel);
  EvictablePtr inserted;  // released after the lock
  const MutexLock lock(mutex_);
  if (page.tier_ == nullptr) return;  // has no memory (yet)
  const bool contained = policy_->contains(page);
  if (read) {
    if (!contained && !page.memory_gone()) insert(page);  // a stuck reader must not keep it
    return;
  }
  if (contained) {
    remove(page);
    stats_.discards.fetch_add(1, std::memory_order_relaxed);
    stats_.pages.fetch_sub(1, std::memory_order_relaxed);
    inserted = EvictablePtr(&page, kAdopt);
  }
  if (page.try_take()) arena_.release(page.extents_, &page);
}

void MemoryTier::free_if_unpinned(Evictable& page) {
  const MutexLock lock(mutex_);
  if (page.try_take()) arena_.release(page.extents_, &page);
}

void MemoryTier::reclaim(Evictable& page) {
  const MutexLock lock(mutex_);
  arena_.release(page.extents_, &page);
}

void MemoryTier::charge(int64_t bytes) { charged_.fetch_add(bytes, std::memory_order_relaxed); }

uint64_t MemoryTier::used_bytes() const {
  const MutexLock lock(mutex_);
  return arena_.used_bytes();
}

uint64_t MemoryTier::room_bytes() const {
  const int64_t room = static_cast<int64_t>(config_.limit_bytes) - charged_bytes();
  return static_cast<uint64_t>(std::max<int64_t>(room, int64_t{kPageBytes}));
}

uint64_t MemoryTier::admitted_bytes() const {
  return bodies_.admitted_bytes() + pieces_.admitted_bytes();
}

size_t MemoryTier::waiting() const { return bodies_.waiting() + pieces_.waiting(); }

uint64_t MemoryTier::refused() const {
  return stats_.refused.load(std::memory_order_relaxed) + bodies_.refused() + pieces_.refused();
}

}  // namespace cachey::store
