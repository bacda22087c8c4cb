#include "cache/warm.h"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>
#include <utility>

#include "cache/warming.h"

namespace cachey::cache {
namespace {

/// The version does not allow the answer that the request asks for. What memory or the disk knows
/// never refuses a request, so that the caller asks the store.
bool refuses(const WarmRequest& request, const ObjectInfo& version) {
  const std::optional<uint64_t>& said = request.spec->wishes.object_size;
  if (request.range.begin >= version.size || (said && *said != version.size)) return true;
  return request.condition != nullptr && request.condition->judge(version) != Verdict::kHolds;
}

WarmMetrics::End end_of(const Result<Warmed>& warmed) {
  using enum WarmMetrics::End;
  if (warmed) return warmed->may_refuse ? kFailed : kSuccess;
  switch (warmed.error().kind()) {
    case ErrorKind::kOverloaded:
    case ErrorKind::kThrottled:
    case ErrorKind::kLimited:
      return kShed;
    case ErrorKind::kNoRoom:
      return kNoRoom;
    case ErrorKind::kTimeout:
      return kTimeout;
    case ErrorKind::kNotCached:
      return kNotCached;
    case ErrorKind::kCancelled:
      return kClientGone;
    default:
      return kFailed;
  }
}

}  // namespace

Warms::Warms(const WarmParts& parts)
    : parts_(parts),
      places_(
          store::AdmissionsConfig{.timeout = kPlaceTimeout,
                                  .waiting_per_bucket_max = kWaitingMax,
                                  .waiting_max = kWaitingMax},
          [this] { return places_limit(); }, parts.clock),
      pace_(
          parts.clock, [this] { return parts_.metrics.totals().accesses; },
          [this](uint64_t bytes) { return parts_.memory.has_touched(bytes); }) {}

rt::Task<Result<Warmed>> Warms::warm(rt::Worker& worker, WarmRequest request, rt::Until until) {
  const MonoTime now = parts_.clock.mono();
  const JobPtr job = std::make_shared<Job>(worker, request, now, until.deadline);
  Result<Warmed> warmed = co_await run(worker, request, job, std::move(until.stop));
  job->stopped = true;
  parts_.metrics.warm.requests[static_cast<size_t>(end_of(warmed))].add();
  co_return warmed;
}

/// The first page goes ahead, because its head tells the object's version and size.
rt::Task<Result<Warmed>> Warms::run(rt::Worker& worker, const WarmRequest& request,
                                    const JobPtr& job, std::stop_token client_left) {
  const std::stop_callback on_left(client_left, [&job] { job->changed.notify(); });
  const PageSize size = job->spec->page_size;
  uint32_t index = size.index_of(request.range.begin);
  worker.tasks().spawn(run_page(worker, job, index++));
  while (job->source == nullptr && !job->failure) {
    Result<void> waited = co_await wait_for_change(*job, client_left);
    if (!waited) co_return std::unexpected(std::move(waited.error()));
  }
  if (job->source == nullptr) co_return std::unexpected(*job->failure);
  Warmed warmed{.source = job->source};
  const ObjectInfo& version = warmed.source->info;
  warmed.may_refuse = refuses(request, version);
  if (warmed.may_refuse) co_return warmed;
  const ByteRange range{request.range.begin, std::min(request.range.end, version.size)};
  warmed.pages = size.pages_of(range);
  if (warmed.pages > kRangePagesMax) {
    co_return fail(ErrorKind::kBadRequest,
                   fmt::format("C0-Config: warm: the object has more than {} pages; ask for a "
                               "Range of it",
                               kRangePagesMax));
  }
  const uint32_t end = size.index_of(range.end - 1) + 1;
  while (index < end || job->running != 0) {
    if (index < end && job->running < kPagesOfRequest && !job->failure) {
      worker.tasks().spawn(run_page(worker, job, index++));
      continue;
    }
    Result<void> waited = co_await wait_for_change(*job, client_left);
    if (!waited) co_return std::unexpected(std::move(waited.error()));
  }
  if (job->failure) co_return std::unexpected(*job->failure);
  if (!are_all_here(worker, *job, range)) {
    co_return fail(ErrorKind::kNoRoom, "the cache has no room for all of these pages at a time");
  }
  warmed.fetched = job->fetched;
  warmed.bytes = job->bytes;
  co_return warmed;
}

/// Waits for one change. Errors: that of a page, or why the request ends.
rt::Task<Result<void>> Warms::wait_for_change(Job& job, const std::stop_token& left) const {
  if (!job.failure) co_await job.changed.wait_until(job.deadline);
  if (job.failure) co_return std::unexpected(*job.failure);
  if (left.stop_requested()) co_return fail(ErrorKind::kCancelled, "the client has left");
  if (parts_.clock.mono() < job.deadline) co_return Result<void>();
  co_return fail(ErrorKind::kTimeout,
                 "not all pages are here in time; those that are here stay, so ask again");
}

/// A page that came first may have left when the last one came.
bool Warms::are_all_here(rt::Worker& worker, const Job& job, ByteRange range) {
  const PageSize size = job.spec->page_size;
  for (uint32_t index = size.index_of(range.begin); size.begin_of(index) < range.end; ++index) {
    if (find_here(worker, job, index) == nullptr) return false;
  }
  return true;
}

uint64_t Warms::places_limit() const {
  return std::max(parts_.memory.room_bytes() / kMemoryShare, kPageBytes);
}

/// What a page takes of places_limit(): its bytes, so that there are few large pages under way, but
/// so much that there are not more than kPagesMax small ones.
uint64_t Warms::weight_of(uint64_t bytes) const {
  return std::max(bytes, places_limit() / kPagesMax);
}

uint64_t Warms::bytes_of(const Job& job, uint32_t index) const {
  const PageSize size = job.spec->page_size;
  const std::optional<uint64_t> known =
      job.source != nullptr ? job.source->info.size : parts_.fills.object_size(*job.spec);
  return known ? std::max<uint64_t>(size.bytes_of(index, *known), 1) : size.bytes();
}

/// With what is on its way, demand has the last quarter of the memory, as for other speculation.
bool Warms::is_memory_free() const {
  const uint64_t room = parts_.memory.room_bytes();
  return parts_.memory.used_bytes() + coming_.load() <=
         room - room / store::Admissions::kDemandShare;
}

/// These further bytes may be of pages that only memory has and nobody has read.
bool Warms::has_unread_share(uint64_t bytes) const {
  const auto unread =
      static_cast<uint64_t>(std::max<int64_t>(parts_.metrics.warm.unread_bytes.load(), 0));
  return unread + bytes <= parts_.memory.room_bytes() / kUnreadShare;
}

/// Whether all pages under way will be kept, as far as that is known.
bool Warms::may_keep() const {
  return parts_.disk_writes.takes_pages() || is_memory_free() || has_unread_share(promised_.load());
}

}  // namespace cachey::cache
