#include "store/residents.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cachey::store {
namespace {

constexpr bool kAdopt = false;         // for intrusive_ptr: the reference is counted already
constexpr size_t kLetGoMax = 16;       // kept pages that become as others, in one step
constexpr size_t kPutBackMax = 16;     // pages that come back after their time, in one step
constexpr size_t kLookAgainMax = 512;  // pages set aside, in one look for idle ones
constexpr std::chrono::milliseconds kLookAgainEvery{10};
constexpr size_t kStrippedInVainMax = 4;  // slabs with held extents, one after the other

}  // namespace

// How a page loses its memory: try_take() turns pins_ to kGone, and its caller releases the
// extents. Readers with a reference but no pin notice at their next try_pin().

Residents::Residents(uint64_t capacity, std::unique_ptr<EvictionPolicy> policy,
                     std::chrono::nanoseconds reader_patience)
    : reader_patience_(reader_patience), arena_(capacity), policy_(std::move(policy)) {}

Residents::~Residents() {
  while (!kept_.empty()) let_go(kept_.front());
  while (!aside_.empty()) put_back(aside_.front());
  while (true) {
    const Victim<Evictable> found = policy_->victim([](Evictable&) { return Verdict::kEvict; });
    if (found.none()) break;
    if (found.again) continue;
    const EvictablePtr page(found.entry, kAdopt);
    if (page->try_take()) arena_.release(page->extents_, Arena::Use::kMovable);
  }
}

bool Residents::pinned(const Evictable& page) {
  return (page.pins_.load(std::memory_order_relaxed) & ~Evictable::kDoomed) != 0;
}

bool Residents::idle(const Evictable& page, MonoTime now, LiveReaders live_readers) const {
  if (pinned(page)) return false;
  return live_readers == LiveReaders::kEvict || !page.has_live_reader(now, reader_patience_);
}

bool Residents::take(Request& request, Arena::Effort effort) {
  if (arena_.over_limit()) return false;
  const bool is_first = request.keep && request.extents.empty();
  if (is_first && !has_room_to_keep(0, arena_.slabs_to_keep(request.bytes))) stop_keeping(request);
  const auto use = request.keep ? Arena::Use::kKept : Arena::Use::kHeld;
  if (!arena_.allocate(request.bytes, &request.page, request.extents, effort, use)) return false;
  request.page.kept_.store(std::exchange(request.keep, false), std::memory_order_relaxed);
  request.page.bytes_ = request.bytes;
  request.page.extents_ = std::exchange(request.extents, {});
  return true;
}

/// Evicts for the next extent of the request.
Residents::Step Residents::make_room(const Request& request, Arena::Effort effort,
                                     LiveReaders live_readers, MonoTime now, Evicted& evicted) {
  uint64_t missing = Arena::rounded(request.bytes);
  for (const Extent& extent : request.extents) missing -= extent.size;
  // A small extent to be kept needs a slab of its own, because none with kept ones has room.
  const bool small = !request.keep && request.extents.size() >= request.bytes / Arena::kSlabBytes;
  if (request.keep) missing = std::max(missing, Arena::kSlabBytes);
  const bool sparing = small && effort == Arena::Effort::kSparing;
  if (sparing && arena_.crowded()) return strip(now, live_readers, evicted);
  if (sparing) missing += arena_.reserve_slabs() * Arena::kSlabBytes;
  if (!is_free_in_pieces(missing)) return evict_one(now, live_readers, evicted);
  const Step step = drain(now, live_readers, evicted);
  // A small extent fits beside held ones, a slab does not.
  return step == Step::kNone && small ? evict_one(now, live_readers, evicted) : step;
}

/// So much is free, but not at one place: a slab must be emptied. Emptying one slab frees more.
bool Residents::is_free_in_pieces(uint64_t bytes) const {
  return arena_.used_bytes() + bytes + Arena::kSlabBytes <= arena_.limit_bytes();
}

Residents::Step Residents::allocate(Request& request, MonoTime now, LiveReaders live_readers,
                                    Evicted& evicted) {
  looks_ = 0;
  put_back_due(now);
  let_go_past_limit();
  if (request.extents.empty()) start_keeping(request);
  Step step = allocate_as_asked(request, now, live_readers, evicted);
  if (step != Step::kNone || !request.keep) return step;
  stop_keeping(request);  // an ordinary page may find room where a kept one does not
  return allocate_as_asked(request, now, live_readers, evicted);
}

Residents::Step Residents::allocate_as_asked(Request& request, MonoTime now,
                                             LiveReaders live_readers, Evicted& evicted) {
  LiveReaders mode = LiveReaders::kSpare;
  auto effort = Arena::Effort::kSparing;
  while (!take(request, effort)) {
    if (ends_step(evicted)) return Step::kAgain;
    const Step step = make_room(request, effort, mode, now, evicted);
    if (step == Step::kAgain) return step;
    if (step == Step::kDone || put_back_idle(now, mode)) continue;
    if (effort == Arena::Effort::kSparing) {
      effort = Arena::Effort::kAll;
    } else {  // only pages with readers are left
      if (live_readers == LiveReaders::kSpare || mode == LiveReaders::kEvict) return step;
      mode = LiveReaders::kEvict;
      if (!put_back_idle(now, mode)) return step;
    }
  }
  return Step::kDone;
}

bool Residents::start_keeping_ahead() {
  if (keeping_ahead_ || arena_.free_slabs() >= arena_.reserve_slabs()) return false;
  return keeping_ahead_ = true;
}

Residents::Step Residents::keep_ahead(MonoTime now, Evicted& evicted) {
  looks_ = 0;
  put_back_due(now);
  Step step = Step::kDone;
  while (step == Step::kDone && arena_.free_slabs() < arena_.reserve_slabs()) {
    if (ends_step(evicted)) return Step::kAgain;
    step = is_free_in_pieces(arena_.reserve_slabs() * Arena::kSlabBytes)
               ? drain(now, LiveReaders::kSpare, evicted)
               : evict_one(now, LiveReaders::kSpare, evicted);
  }
  keeping_ahead_ = step == Step::kAgain;
  return step;
}

void Residents::give_back(Request& request) {
  if (request.keep) stop_keeping(request);
  arena_.release(request.extents, Arena::Use::kHeld);
  request.extents.clear();
}

void Residents::take_memory(Evictable& page, Evicted& evicted) {
  count_over_limit(page, false);
  arena_.release(page.extents_, Arena::Use::kMovable);
  evicted.emplace_back(&page, kAdopt);  // the reference that insert() added
}

Residents::Step Residents::evict_one(MonoTime now, LiveReaders live_readers, Evicted& evicted) {
  const auto verdict = [&](Evictable& page) {
    if (idle(page, now, live_readers) && page.try_take()) return Verdict::kEvict;
    note_aside(page, now);
    return Verdict::kSetAside;
  };
  const Victim<Evictable> found = policy_->victim(verdict);
  looks_ += found.looks;
  if (found.entry == nullptr) return found.again ? Step::kAgain : Step::kNone;
  take_memory(*found.entry, evicted);
  return Step::kDone;
}

/// Chooses a slab. A slab with a page that cannot be evicted now is none: that page is set aside,
/// before any other page is evicted in vain.
Residents::Step Residents::start_draining(MonoTime now, LiveReaders live_readers) {
  if (!arena_.start_draining()) return Step::kNone;
  drained_ = 0;
  for (void* owner : arena_.draining_owners()) {
    auto* page = static_cast<Evictable*>(owner);
    if (page == nullptr || idle(*page, now, live_readers)) continue;
    policy_->set_aside(*page);
    note_aside(*page, now);
    return Step::kAgain;
  }
  return Step::kDone;
}

Residents::Step Residents::drain(MonoTime now, LiveReaders live_readers, Evicted& evicted) {
  if (!arena_.draining()) {
    const Step started = start_draining(now, live_readers);
    if (started != Step::kDone) return started;
  }
  while (arena_.draining() && evicted.size() < kEvictionsMax) {
    auto* page = static_cast<Evictable*>(arena_.draining_owners()[drained_]);
    if (page == nullptr) {
      ++drained_;
    } else if (idle(*page, now, live_readers) && page->try_take()) {
      policy_->remove(*page);
      take_memory(*page, evicted);
    } else {
      policy_->set_aside(*page);
      note_aside(*page, now);  // ends the draining
    }
  }
  return Step::kDone;
}

/// Makes room beside the small extents that are held: evicts the next page from the slab that has
/// had such extents for the longest time.
Residents::Step Residents::strip(MonoTime now, LiveReaders live_readers, Evicted& evicted) {
  const std::span<void* const> owners = arena_.held_owners();
  for (; stripped_ < owners.size(); ++stripped_) {
    auto* page = static_cast<Evictable*>(owners[stripped_]);
    if (page == nullptr || !policy_->contains(*page) || policy_->is_set_aside(*page)) continue;
    if (!idle(*page, now, live_readers) || !page->try_take()) continue;
    policy_->remove(*page);
    take_memory(*page, evicted);
    stripped_in_vain_ = 0;
    return Step::kDone;
  }
  stripped_ = 0;
  arena_.pass_held();
  if (++stripped_in_vain_ < kStrippedInVainMax) return Step::kAgain;
  stripped_in_vain_ = 0;
  return Step::kNone;
}

void Residents::note_aside(Evictable& page, MonoTime now) {
  arena_.set_use(page.extents_, Arena::Use::kHeld);
  if (page.holds_ > 0) return;  // end_hold() puts it back
  page.aside_since_ = now;
  aside_.push_back(page);
}

void Residents::put_back(Evictable& page) {
  if (page.hook_.is_linked()) aside_.erase(aside_.iterator_to(page));
  policy_->put_back(page);
  arena_.set_use(page.extents_, Arena::Use::kMovable);
}

void Residents::put_back_due(MonoTime now) {
  for (size_t i = 0; i < kPutBackMax && !aside_.empty(); ++i) {
    if (now - aside_.front().aside_since_ < reader_patience_) return;
    put_back(aside_.front());
  }
}

/// There is no candidate. Looks at pages that are set aside, in turn, before their time.
bool Residents::put_back_idle(MonoTime now, LiveReaders live_readers) {
  MonoTime& looked = live_readers == LiveReaders::kSpare ? looked_spare_ : looked_evict_;
  if (aside_.empty() || now - looked < kLookAgainEvery) return false;
  looked = now;
  bool any = false;
  for (size_t i = std::min(aside_.size(), kLookAgainMax); i > 0; --i) {
    Evictable& page = aside_.front();
    if (idle(page, now, live_readers)) {
      put_back(page);
      any = true;
    } else {
      page.aside_since_ = now;
      aside_.splice(aside_.end(), aside_, aside_.begin());
    }
  }
  return any;
}

void Residents::insert(Evictable& page) {
  intrusive_ptr_add_ref(&page);
  if (page.keep() != page.is_kept()) set_kept(page, page.keep());
  if (page.is_kept()) {
    kept_.push_back(page);
    page.in_kept_ = true;
    ++kept_pages_.pages;
    kept_pages_.bytes += page.memory_bytes();
    return;
  }
  if (page.keep()) {
    count_over_limit(page, true);
    ++kept_pages_.over_limit_total;
  }
  policy_->insert(page);
  arena_.set_use(page.extents_, Arena::Use::kMovable);
}

EvictablePtr Residents::remove(Evictable& page) {
  if (page.in_kept_) {
    kept_.erase(kept_.iterator_to(page));
    page.in_kept_ = false;
    --kept_pages_.pages;
    kept_pages_.bytes -= page.memory_bytes();
    return {&page, kAdopt};
  }
  count_over_limit(page, false);
  if (policy_->is_set_aside(page)) {
    if (page.hook_.is_linked()) aside_.erase(aside_.iterator_to(page));
  } else {
    arena_.set_use(page.extents_, Arena::Use::kHeld);
  }
  policy_->remove(page);
  return EvictablePtr(&page, kAdopt);
}

void Residents::release_if_unpinned(Evictable& page) {
  if (page.try_take()) release(page);
}

void Residents::release(Evictable& page) {
  CHECK(!contains(page));
  if (page.is_kept()) set_kept(page, false);
  arena_.release(page.extents_, Arena::Use::kHeld);
}

bool Residents::hold(Evictable& page) {
  if (!page.try_pin()) return false;
  ++page.holds_;
  return true;
}

void Residents::end_hold(Evictable& page) {
  CHECK(page.holds_ > 0);
  --page.holds_;
  const uint32_t before = page.pins_.fetch_sub(1, std::memory_order_release);
  if (before == (Evictable::kDoomed | 1)) return release_if_unpinned(page);
  if (page.holds_ == 0 && policy_->is_set_aside(page)) put_back(page);
}

uint64_t Residents::keep_max() const {
  const uint64_t limit = arena_.limit_bytes();
  constexpr uint64_t kOnePage = kPageBytes + Arena::kSlabBytes;  // the largest, and a shared slab
  return std::min({keep_limit_, limit / 2, limit - std::min(limit, kOnePage)});
}

uint64_t Residents::keep_slabs_max() const {
  return (keep_max() + Arena::kSlabBytes - 1) / Arena::kSlabBytes;
}

bool Residents::has_room_to_keep(uint64_t bytes, uint32_t slabs) const {
  if (kept_bytes_ + bytes > keep_max()) return false;
  return slabs == 0 || arena_.kept_slabs() + slabs <= keep_slabs_max();
}

void Residents::count_kept(uint64_t bytes, bool kept) {
  kept_bytes_ = kept ? kept_bytes_ + bytes : kept_bytes_ - bytes;
}

void Residents::count_over_limit(Evictable& page, bool over) {
  if (page.over_limit_ == over) return;
  page.over_limit_ = over;
  kept_pages_.over_limit_pages += over ? 1 : -1;
}

void Residents::start_keeping(Request& request) {
  if (!request.page.keep() || request.keep) return;
  const uint64_t bytes = Arena::rounded(request.bytes);
  if (!has_room_to_keep(bytes, arena_.slabs_to_keep(request.bytes))) return;
  request.keep = true;
  count_kept(bytes, true);
}

void Residents::stop_keeping(Request& request) {
  request.keep = false;
  arena_.set_use(request.extents, Arena::Use::kKept, Arena::Use::kHeld);
  count_kept(Arena::rounded(request.bytes), false);
}

void Residents::set_kept(Evictable& page, bool kept) {
  const uint64_t bytes = Arena::rounded(page.memory_bytes());
  if (kept && !has_room_to_keep(bytes, arena_.slabs_to_keep(page.extents_))) return;
  const auto [from, to] = kept ? std::pair(Arena::Use::kHeld, Arena::Use::kKept)
                               : std::pair(Arena::Use::kKept, Arena::Use::kHeld);
  arena_.set_use(page.extents_, from, to);
  count_kept(bytes, kept);
  page.kept_.store(kept, std::memory_order_relaxed);
}

/// A kept page becomes as others.
void Residents::let_go(Evictable& page) {
  const EvictablePtr held = remove(page);
  set_kept(page, false);
  count_over_limit(page, page.keep());
  intrusive_ptr_add_ref(&page);
  policy_->insert(page);
  arena_.set_use(page.extents_, Arena::Use::kMovable);
}

void Residents::let_go_past_limit() {
  for (size_t i = 0; i < kLetGoMax && !kept_.empty(); ++i) {
    if (kept_bytes_ <= keep_max() && arena_.kept_slabs() <= keep_slabs_max()) return;
    let_go(kept_.front());
  }
}

void Residents::set_keep(Evictable& page, bool keep) {
  page.set_keep(keep);
  let_go_past_limit();
  if (!contains(page)) return;  // insert() looks at the page
  if (page.in_kept_) {
    if (!keep) let_go(page);
    return;
  }
  const bool has_room = keep && has_room_to_keep(Arena::rounded(page.memory_bytes()),
                                                 arena_.slabs_to_keep(page.extents_));
  if (!has_room) return count_over_limit(page, keep);
  const EvictablePtr held = remove(page);
  insert(page);
}

void Residents::set_limit(uint64_t bytes) {
  const uint64_t tables = arena_.table_bytes();
  arena_.set_limit(std::max(bytes > tables ? bytes - tables : 0, kPageBytes));
}

}  // namespace cachey::store
