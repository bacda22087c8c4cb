// One page of a warm request: finds it, or fetches it and sees that it is kept.

#include <exception>
#include <utility>

#include "cache/warming.h"

namespace cachey::cache {
namespace {

using namespace std::chrono_literals;

constexpr auto kMemoryPoll = 20ms;

Error no_room() {
  return {ErrorKind::kNoRoom,
          "the cache has no room for the page: no disk takes it, and memory is full"};
}

Error not_here(const Wishes& wishes) {
  return wishes.not_cached("only-if-cached: not all pages of the range are in the cache");
}

/// Counts a page while its task runs.
class UnderWay {
 public:
  UnderWay(std::atomic<int64_t>& pages, uint32_t& tasks) : pages_(pages), tasks_(tasks) {
    ++pages_;
    ++tasks_;
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() {
    --pages_;
    --tasks_;
  }

 private:
  std::atomic<int64_t>& pages_;
  uint32_t& tasks_;
};

}  // namespace

/// Never throws.
rt::Task<void> Warms::run_page(rt::Worker& worker, JobPtr job, uint32_t index) {
  Result<void> done;
  {
    const UnderWay counted(parts_.metrics.warm.pages_under_way, job->running);
    try {
      done = co_await warm_page(worker, *job, index);
    } catch (const std::exception& failure) {
      done = fail(ErrorKind::kInternal, failure.what());
    }
  }
  if (!done && !job->failure) job->failure = std::move(done.error());
  job->changed.notify();
}

rt::Task<Result<void>> Warms::warm_page(rt::Worker& worker, Job& job, uint32_t index) {
  std::optional<store::Admission> place;
  int tries = 0;
  while (!job.stopped) {
    std::optional<Promise> promise;
    if (ObjectSourcePtr here = find_here(worker, job, index)) co_return job.take(std::move(here));
    if (job.spec->wishes.only_if_cached) co_return std::unexpected(not_here(job.spec->wishes));
    if (tries > kTriesMax) co_return std::unexpected(no_room());
    if (!place) {
      std::string client = job.client;
      const uint64_t weight = weight_of(bytes_of(job, index));
      Result<store::Admission> admitted = co_await places_.admit(worker, std::move(client), weight);
      if (!admitted) co_return std::unexpected(std::move(admitted.error()));
      place.emplace(std::move(*admitted));
      continue;  // another request may have brought the page meanwhile
    }
    Following following{parts_.table.find(job.spec->key.view(), index), PageRole::kJoined, tries++,
                        *place, promise};
    if (following.page == nullptr) {
      co_await pace_.turn(worker, bytes_of(job, index), job.stopped);
      if (job.stopped) continue;
      Result<FillMemory> memory = co_await take_memory(worker, job, index, promise);
      if (!memory) co_return std::unexpected(std::move(memory.error()));
      following.page = start_fill(worker, job, index, std::move(*memory), following.role);
    }
    if (following.page == nullptr) continue;
    if (following.role == PageRole::kJoined) promise.reset();  // others have promised the page
    Result<Kept> kept = co_await follow(worker, job, following);
    if (!kept) co_return std::unexpected(std::move(kept.error()));
    if (*kept == Kept::kYes) co_return Result<void>();
    if (*kept == Kept::kNoRoom) co_return std::unexpected(no_room());
  }
  co_return fail(ErrorKind::kCancelled, "the request has ended");
}

/// The version of a page that is whole in memory or on the disk; null: the page is not.
ObjectSourcePtr Warms::find_here(rt::Worker& worker, const Job& job, uint32_t index) {
  const KeyView key = job.spec->key.view();
  PagePtr page = parts_.table.find(key, index);
  if (page == nullptr) {
    if (!parts_.disk_reads.has(worker, *job.spec, index)) return nullptr;
    PageTable::Found found = parts_.table.find_or_create(job.spec, index, FillOrder::kFromBegin);
    page = std::move(found.page);
    const bool is_made = found.created;
    if (is_made &&
        parts_.disk_reads.adopt_from_disk(worker, *page, store::DiskUse::kNone) == nullptr) {
      parts_.table.remove(*page);
      page->fail(Error(ErrorKind::kCancelled, "the page itself was not asked for"));
      return nullptr;
    }
  }
  const Page::Phase phase = page->phase();
  ObjectSourcePtr version;
  bool is_gone = phase == Page::Phase::kWhole && page->memory_gone();
  // Readers may hold a page that the disk has no more.
  if (phase == Page::Phase::kOnDisk) is_gone = !parts_.disk_reads.has(worker, *job.spec, index);
  if (is_gone) {
    parts_.table.remove(*page);
    page->discard();
  } else if (phase == Page::Phase::kWhole || phase == Page::Phase::kOnDisk) {
    version = page->source();
    parts_.table.remove_if_idle(*page);
  }
  return version;
}

/// The memory of the page's fill. If none is free for kPatience, the request is shed. A page that
/// could not be kept is not fetched.
rt::Task<Result<FillMemory>> Warms::take_memory(rt::Worker& worker, const Job& job, uint32_t index,
                                                std::optional<Promise>& promise) {
  const ByteRange wanted = job.spec->page_size.range_of(index);
  const MonoTime patient_until = parts_.clock.mono() + kPatience;
  while (true) {
    std::optional<FillMemory> memory = parts_.fills.try_reserve(*job.spec, wanted);
    if (memory) {
      promise.emplace(*this, bytes_of(job, index));
      if (!may_keep()) co_return std::unexpected(no_room());
      co_return std::move(*memory);
    }
    if (job.stopped || parts_.clock.mono() >= patient_until) {
      co_return std::unexpected(Error::overloaded(
          "no memory is free for pages that no client waits for; try again soon", kPatience));
    }
    co_await worker.timers().sleep(kMemoryPoll);
  }
}

/// Starts the page's fill, or joins the one under way. Null: the page is on the disk.
PagePtr Warms::start_fill(rt::Worker& worker, const Job& job, uint32_t index, FillMemory memory,
                          PageRole& role) {
  PageTable::Found found = parts_.table.find_or_create(job.spec, index, FillOrder::kFromBegin);
  role = found.created ? PageRole::kStarted : PageRole::kJoined;
  if (!found.created) return found.page;
  if (parts_.disk_reads.adopt_from_disk(worker, *found.page, store::DiskUse::kNone) != nullptr) {
    parts_.table.remove_if_idle(*found.page);
    return nullptr;
  }
  found.page->set_cold(true);
  parts_.metrics.warm.pages.add();
  const ByteRange all{0, job.spec->page_size.bytes()};
  parts_.fills.start(worker, found.page, job.spec, all, std::move(memory));
  return found.page;
}

/// Waits until the page is whole, then keeps the page. The fill has its own limits of time.
rt::Task<Result<Warms::Kept>> Warms::follow(rt::Worker& worker, Job& job, Following& following) {
  const PagePtr page = following.page;
  std::optional<PageReading> reading;  // so that the fill goes on
  reading.emplace(page, parts_.clock.mono());
  const rt::Until until;
  Result<void> waited = co_await page->wait_head(worker, *job.spec, until);
  if (waited && page->has_head()) {
    following.place.shrink_to(
        std::min(following.place.bytes(), weight_of(page->bytes_of(page->source()->info.size))));
    if (following.promise) following.promise->has_memory();
    waited = job.take(page->source());
  }
  if (waited && page->phase() == Page::Phase::kFilling)
    waited = co_await page->wait_whole(worker, until);
  if (!waited) co_return std::unexpected(std::move(waited.error()));
  if (page->phase() == Page::Phase::kFailed) {
    if (may_ask_again(job, following)) co_return Kept::kGone;
    co_return std::unexpected(page->error());
  }
  if (page->phase() == Page::Phase::kOnDisk) co_return Kept::kGone;
  const Kept kept = co_await keep(worker, page, reading);
  if (kept != Kept::kYes) co_return kept;
  ++job.fetched;
  job.bytes += page->memory_bytes();
  if (following.role == PageRole::kStarted) parts_.metrics.warm.bytes.add(page->memory_bytes());
  co_return kept;
}

bool Warms::may_ask_again(const Job& job, const Following& following) const {
  const Page& page = *following.page;
  const FetchSpecPtr leader = page.leader();
  PageFailure failure;
  failure.error = page.error().kind();
  failure.role = following.role;
  failure.hurried = page.error().cause() == ErrorCause::kHurried;
  failure.other_terms = leader == nullptr || !job.spec->same_terms(*leader);
  failure.old_news = page.asked_at() < job.began;
  failure.tries = following.tries;
  return may_try_again(failure);
}

/// Writes a whole page to the disk, or counts it among those that only memory has.
rt::Task<Warms::Kept> Warms::keep(rt::Worker& worker, PagePtr page,
                                  std::optional<PageReading>& reading) {
  if (parts_.disk_writes.takes_pages()) {
    const store::DiskWrite written = co_await parts_.disk_writes.write(worker, page);
    reading.reset();
    const bool is_stored = written == store::DiskWrite::kStored;
    if (is_stored && !is_memory_free()) drop_unread(*page);
    if (written != store::DiskWrite::kDropped) co_return Kept::kYes;
  }
  reading.reset();
  if (!parts_.table.has(*page) || page->memory_gone()) co_return Kept::kGone;
  if (!page->cold() || page->is_kept()) co_return Kept::kYes;  // a client reads the page, or --pin
  page->count_unread(parts_.metrics.warm.unread_bytes);
  if (is_memory_free() || has_unread_share(0)) co_return Kept::kYes;
  drop_unread(*page);
  co_return Kept::kNoRoom;
}

void Warms::drop_unread(Page& page) {
  if (!page.cold() || page.has_reader() || page.is_kept()) return;
  parts_.table.remove(page);
  page.discard();
}

}  // namespace cachey::cache
