#include "store/memory_tier.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/container/static_vector.hpp>
#include <utility>

#include "base/check.h"

namespace cachey::store {

namespace {

constexpr std::chrono::milliseconds kAllocationPoll{10};  // between two tries to allocate
constexpr size_t kStepsAtOnce = 4;   // of an allocation, before others of its worker run
constexpr size_t kUncommitsMax = 4;  // slabs given back to the system in one step

AdmissionsConfig admissions_config(const MemoryTierConfig& config, const FineHistogram& waits,
                                   bool forecasts = true) {
  return {config.admission_timeout, config.waiting_per_bucket_max, config.waiting_max, forecasts,
          waits};
}

}  // namespace

MemoryTier::MemoryTier(MemoryTierConfig config, std::unique_ptr<EvictionPolicy> policy,
                       const Clock& clock)
    : config_(config),
      clock_(clock),
      starts_(
          admissions_config(config, config.waits.starts), [this] { return starts_limit(); }, clock),
      bodies_(
          admissions_config(config, config.waits.bodies), [this] { return bodies_limit(); }, clock),
      pieces_(
          // A piece that is not loaded now costs a GET: it waits as long as it may.
          admissions_config(config, config.waits.pieces, false), [this] { return pieces_limit(); },
          clock),
      residents_(config.limit_bytes, std::move(policy), config.reader_patience) {
  if (config.touches_ahead) first_touch_.emplace([this] { return touch_ahead(); });
}

MemoryTier::~MemoryTier() = default;

/// Gives back what it took, unless it was finished.
struct MemoryTier::Allocation {
  Allocation(MemoryTier& t, Evictable& page, uint64_t bytes) : tier(t), request{page, bytes} {}
  ~Allocation() {
    if (request.extents.empty() && !waited) return;
    const MutexLock lock(tier.mutex_);
    if (tier.keeper_ == this) tier.keeper_ = nullptr;
    tier.residents_.give_back(request);
  }
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

  MemoryTier& tier;
  Residents::Request request;
  bool waited = false;  // for memory that others hold
};

rt::Task<Result<void>> MemoryTier::allocate(rt::Worker& worker, Evictable& page, uint64_t bytes) {
  CHECK(page.tier_ == nullptr);
  Allocation allocation(*this, page, bytes);
  const MonoTime start = clock_.mono();
  for (size_t steps = 1;; ++steps) {
    // A stuck reader loses its page after reader_patience, a live reader only if this allocation
    // has waited as long.
    const MonoTime::duration waited = clock_.mono() - start;
    const LiveReaders live_readers =
        waited <= config_.reader_patience ? LiveReaders::kSpare : LiveReaders::kEvict;
    bool lacks_ahead = false;
    const auto allocate_step =
        [&, now = clock_.mono()](Residents& residents, Residents::Evicted& evicted)
            REQUIRES(mutex_) {
              const Step step = residents.allocate(allocation.request, now, live_readers, evicted);
              if (step == Step::kNone) begin_wait(allocation);
              if (step == Step::kDone) page.tier_ = this;
              lacks_ahead = step == Step::kDone && residents.start_keeping_ahead();
              return step;
            };
    const Step step = run(allocate_step);
    if (lacks_ahead) worker.tasks().spawn(keep_ahead(worker));
    const bool ends = step == Step::kDone || waited > config_.admission_timeout;
    if (ends && allocation.waited && config_.waits.allocations) {
      config_.waits.allocations.observe(clock_.mono() - start);
    }
    if (step == Step::kDone) co_return Result<void>();
    if (ends) break;
    if (step == Step::kNone) co_await worker.timers().sleep(kAllocationPoll);
    if (steps % kStepsAtOnce == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  stats_.refused.fetch_add(1, std::memory_order_relaxed);
  co_return fail(ErrorKind::kOverloaded, "the cache's memory is being read; try again soon");
}

void MemoryTier::begin_wait(Allocation& allocation) {
  allocation.waited = true;
  if (keeper_ == nullptr) keeper_ = &allocation;
  if (keeper_ != &allocation) residents_.give_back(allocation.request);
}

template <typename DoStep>
Residents::Step MemoryTier::run(const DoStep& do_step) {
  Residents::Evicted evicted;
  boost::container::static_vector<uint32_t, kUncommitsMax> past_limit;
  Step step = Step::kNone;
  bool lacks_touched = false;
  {
    const MutexLock lock(mutex_);
    residents_.set_limit(room_bytes());
    if (rules_ != nullptr) residents_.set_keep_limit(rules_->limit_of(config_.limit_bytes));
    while (past_limit.size() < kUncommitsMax && residents_.arena().has_past_limit())
      past_limit.push_back(*residents_.arena().take_past_limit());
    step = do_step(residents_, evicted);
    note_kept();
    lacks_touched = note_touched();
  }
  if (lacks_touched) first_touch_->wake();
  stats_.evictions.fetch_add(evicted.size(), std::memory_order_relaxed);
  stats_.pages.fetch_sub(static_cast<int64_t>(evicted.size()), std::memory_order_relaxed);
  for (const EvictablePtr& gone : evicted) gone->on_evicted();
  uncommit(past_limit);
  return step;
}

rt::Task<void> MemoryTier::keep_ahead(rt::Worker& worker) {
  Step step = Step::kAgain;
  while (step == Step::kAgain) {
    co_await rt::asio::post(worker.executor(), rt::kAwait);
    step = run([now = clock_.mono()](Residents& residents, Residents::Evicted& evicted) {
      return residents.keep_ahead(now, evicted);
    });
  }
}

void MemoryTier::uncommit(std::span<const uint32_t> slabs) {
  if (slabs.empty()) return;
  for (const uint32_t slab : slabs) residents_.arena().uncommit(slab);  // a system call
  const MutexLock lock(mutex_);
  for (const uint32_t slab : slabs) residents_.arena().put_uncommitted(slab);
}

bool MemoryTier::touch_ahead() {
  std::optional<uint32_t> slab;
  {
    const MutexLock lock(mutex_);
    slab = residents_.arena().take_to_touch();
  }
  if (!slab) return false;
  touch(*slab);
  const MutexLock lock(mutex_);
  residents_.arena().put_touched(*slab);
  (void)note_touched();
  return true;
}

/// Without the mutex.
void MemoryTier::touch(uint32_t slab) { residents_.arena().touch(slab); }

bool MemoryTier::note_touched() {
  const Arena& arena = residents_.arena();
  const bool lacks = config_.touches_ahead && arena.lacks_touched();
  const uint64_t bytes = arena.touched_slabs() * Arena::kSlabBytes;
  touched_bytes_.store(lacks ? bytes : UINT64_MAX, std::memory_order_relaxed);
  return lacks;
}

void MemoryTier::publish(Evictable& page) {
  {
    const MutexLock lock(mutex_);
    if (!residents_.contains(page)) insert(page);
  }
  if (page.unwanted_.load()) discard(page);
}

void MemoryTier::insert(Evictable& page) {
  residents_.insert(page);
  note_kept();
  stats_.insertions.fetch_add(1, std::memory_order_relaxed);
  stats_.pages.fetch_add(1, std::memory_order_relaxed);
}

std::optional<MemoryTier::Hold> MemoryTier::hold(EvictablePtr page) {
  MemoryTier& tier = *page->tier_;
  const MutexLock lock(tier.mutex_);
  if (!tier.residents_.hold(*page)) return std::nullopt;
  return Hold(std::move(page));
}

MemoryTier::Hold::~Hold() {
  if (page_ == nullptr) return;
  MemoryTier& tier = *page_->tier_;
  const MutexLock lock(tier.mutex_);
  tier.residents_.end_hold(*page_);
}

void MemoryTier::discard(Evictable& page) {
  page.unwanted_.store(true);
  const bool read = page.readers_.load() > 0;
  EvictablePtr inserted;  // released after the lock
  const MutexLock lock(mutex_);
  // With the mutex held: an unpin() that sees kDoomed finds the page out of the residents.
  if (!read) page.pins_.fetch_or(Evictable::kDoomed, std::memory_order_acq_rel);
  if (page.tier_ == nullptr) return;  // has no memory (yet)
  const bool contained = residents_.contains(page);
  if (read) {
    if (!contained && !page.memory_gone()) insert(page);  // a stuck reader must not keep it
    return;
  }
  if (contained) {
    inserted = residents_.remove(page);
    note_kept();
    stats_.discards.fetch_add(1, std::memory_order_relaxed);
    stats_.pages.fetch_sub(1, std::memory_order_relaxed);
  }
  residents_.release_if_unpinned(page);
}

void MemoryTier::free_if_unpinned(Evictable& page) {
  const MutexLock lock(mutex_);
  residents_.release_if_unpinned(page);
}

void MemoryTier::reclaim(Evictable& page) {
  const MutexLock lock(mutex_);
  residents_.release(page);
}

void MemoryTier::note_kept() {
  kept_bytes_.store(residents_.kept().bytes, std::memory_order_relaxed);
}

void MemoryTier::set_keep(Evictable& page, bool keep) {
  const MutexLock lock(mutex_);
  if (rules_ != nullptr) residents_.set_keep_limit(rules_->limit_of(config_.limit_bytes));
  residents_.set_keep(page, keep);
  note_kept();
}

KeptPages MemoryTier::kept() const {
  const MutexLock lock(mutex_);
  return residents_.kept();
}

void MemoryTier::charge(int64_t bytes) {
  charged_.fetch_add(bytes);
  if (bytes >= 0) return;
  for (Admissions* const admissions : {&starts_, &bodies_, &pieces_}) admissions->look_again();
}

uint64_t MemoryTier::room_bytes() const {
  const int64_t room = static_cast<int64_t>(config_.limit_bytes) - charged_bytes();
  return static_cast<uint64_t>(std::max<int64_t>(room, int64_t{kPageBytes}));
}

uint64_t MemoryTier::passing_bytes() const {
  const uint64_t room = room_bytes();
  return room - std::min(room / 2, kept_bytes_.load(std::memory_order_relaxed));
}

uint64_t MemoryTier::starts_limit() const {
  return std::max(passing_bytes() / kStartsShare, kStartsMin * kStartBytes);
}

uint64_t MemoryTier::pieces_limit() const {
  return std::max(passing_bytes() / kPiecesShare, Arena::kSlabBytes);
}

uint64_t MemoryTier::bodies_limit() const {
  const uint64_t room = passing_bytes();
  uint64_t most = room - room / kStartsShare - room / kPiecesShare;
  if (config_.downloads_max_bytes != 0) most = std::min(most, config_.downloads_max_bytes);
  return std::max(most, kPageBytes);
}

uint64_t MemoryTier::admitted_bytes() const {
  return starts_.admitted_bytes() + bodies_.admitted_bytes() + pieces_.admitted_bytes();
}

size_t MemoryTier::waiting() const {
  return starts_.waiting() + bodies_.waiting() + pieces_.waiting();
}

uint64_t MemoryTier::refused(Admissions::Refusal cause) const {
  return starts_.refused(cause) + bodies_.refused(cause) + pieces_.refused(cause);
}

uint64_t MemoryTier::refused() const {
  return stats_.refused.load(std::memory_order_relaxed) + starts_.refused() + bodies_.refused() +
         pieces_.refused();
}

}  // namespace cachey::store
