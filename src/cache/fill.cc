#include "cache/fill.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "cache/filling.h"
#include "origin/finality.h"

namespace cachey::cache {
namespace {

Error internal(const std::exception& failure) { return {ErrorKind::kInternal, failure.what()}; }

}  // namespace

std::optional<uint64_t> Fills::object_size(const FetchSpec& spec) const {
  const std::optional<uint64_t> known = table_.object_size(spec.key.view());
  return known ? known : spec.wishes.object_size;
}

std::vector<std::string> Fills::by_health(std::span<const std::string> buckets) const {
  std::vector<std::string> names;
  if (!buckets.empty()) {
    for (const size_t index : origin_.buckets.rank(buckets)) names.push_back(buckets[index]);
  }
  for (const std::string& name : buckets) {  // those past the most that a read asks
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

void Fills::want(Page& page, uint64_t offset) {
  if (page.wanted_parts().want(page.parts_of({offset, offset + 1}))) origin_.gate.promote_wanted();
}

std::optional<std::chrono::milliseconds> Fills::time_to_head(const FetchSpec& spec) const {
  if (!spec.config.has_limits()) return std::nullopt;
  if (spec.config.operation_timeout) return spec.config.operation_timeout;
  const auto one = origin_.origin.time_to_head(spec.config);
  if (!one) return std::nullopt;
  return std::min(spec.buckets.size(), origin_.buckets.per_page()) * *one + kQueueTimeMax;
}

/// The server's number; or the request's, but not more than the wanted bytes are worth.
uint32_t Fills::parts_for(const FetchSpec& spec, ByteRange wanted) const {
  const uint64_t worth = (wanted.size() + FillPlan::kPartBytesMin - 1) / FillPlan::kPartBytesMin;
  const uint64_t most = std::max<uint64_t>({config_.parts, kPartsForAny, worth});
  return static_cast<uint32_t>(std::min<uint64_t>(spec.config.parts.value_or(config_.parts), most));
}

void Fills::start(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, ByteRange wanted,
                  std::optional<FillMemory> memory) {
  try {
    worker.tasks().spawn(run(worker, page, spec, wanted, std::move(memory)));
  } catch (const std::exception& failure) {
    fill_failed(*page, *spec, internal(failure));
  }
}

void Fills::look(rt::Worker& worker, PagePtr page, FetchSpecPtr spec,
                 std::optional<uint64_t> wanted) {
  try {
    const ByteRange byte = wanted ? ByteRange(*wanted, *wanted + 1) : ByteRange();
    worker.tasks().spawn(run(worker, page, spec, byte, std::nullopt, origin::Ask::kHead));
  } catch (const std::exception& failure) {
    fill_failed(*page, *spec, internal(failure));
  }
}

rt::Task<void> Fills::run(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, ByteRange wanted,
                          std::optional<FillMemory> memory, origin::Ask ask) {
  metrics_.fills_in_flight.fetch_add(1, std::memory_order_relaxed);
  const MonoTime start = clock_.mono();
  Filling filling(worker, *page, *spec, metrics_.ingress, start);
  filling.ask = ask;
  if (!wanted.empty()) filling.wanted = wanted.begin;
  filling.plan.parts = filling.is_question() ? 1 : parts_for(*spec, wanted);
  filling.plan.bytes_max = page->bytes_max();
  filling.plan.first = page->fill_order() == FillOrder::kFromWanted ? wanted.begin : 0;
  if (memory) {
    filling.start.emplace(std::move(memory->start));
    filling.body.emplace(std::move(memory->body));
  }
  Result<void> filled;
  try {
    filled = check_buckets(*spec);
    if (filled) filled = co_await fill(filling);
  } catch (const std::exception& failure) {
    filled = std::unexpected(internal(failure));
    filling.failure = filled.error();  // ends the other parts
  }
  while (filling.running != 0) co_await filling.part_ended.wait();
  metrics_.fills_in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (filling.is_question() && page->has_head()) {
    memory_.discard(*page);
  } else if (filled) {
    const std::chrono::nanoseconds took = clock_.mono() - start;
    spec->metrics->download.add();
    if (filling.hedged) spec->metrics->hedged.add();
    spec->metrics->download_latency.observe(static_cast<uint64_t>(took.count()));
  } else {
    fill_failed(*page, *spec, std::move(filled.error()));
  }
  if (filling.pinned) page->unpin();
}

/// The rule may have become stricter after the request had come.
Result<void> Fills::check_buckets(const FetchSpec& spec) const {
  for (const std::string& bucket : spec.buckets) {
    if (may_have_(spec.key.kind, bucket)) continue;
    return fail(ErrorKind::kDenied,
                "the bucket " + log::quoted(bucket) + " may not be asked for here any more");
  }
  return {};
}

void Fills::fill_failed(Page& page, const FetchSpec& spec, Error error) {
  metrics_.fills_failed.add();
  log::debug("fill failed", {{"kind", spec.key.kind},
                             {"object", spec.key.object},
                             {"page", page.index()},
                             {"error", to_string(error.kind())},
                             {"text", error.message()},
                             {"request_id", spec.request_id},
                             {"trace_id", trace_id_of(spec.trace)}});
  table_.remove(page);  // before fail(), so that a retry does not find the page
  if (page.phase() != Page::Phase::kWhole) page.fail(std::move(error));
  memory_.discard(page);
}

rt::Task<Result<void>> Fills::fill(Filling& filling) {
  Page& page = filling.page;
  std::optional<Absence> absent;  // a look asks the store itself
  if (!filling.is_look()) absent = absences_.find(filling.spec);
  if (absent) {
    page.set_asked(MonoTime::max(), 0);
    co_return std::unexpected(std::move(absent->error));
  }
  Result<void> admitted = look_ahead(filling);
  if (admitted) admitted = co_await admit_start(filling);
  if (!admitted) co_return admitted;
  find_parts(filling);
  const MonoTime asked_at = clock_.mono();
  Result<void> first =
      co_await (filling.lacks_nothing ? take_parts_head(filling) : first_part(filling));
  if (!first && take_servers_limits(filling, first.error())) {
    first = co_await first_part(filling);
  }
  if (!page.has_head()) {
    take_failure(filling, first.error(), asked_at);
    co_return first;
  }
  if (filling.is_question()) co_return first;
  if (!first) filling.failure = std::move(first.error());
  co_await read_rest(filling);
  if (filling.failure) {
    if (filling.gone != nullptr) forget(filling.worker, page.key(), *filling.gone);
    co_return std::unexpected(std::move(*filling.failure));
  }
  page.finish(clock_.unix_seconds(), filling.versions.beside(page.source()->bucket));
  memory_.publish(page);
  if (!page.is_part()) table_.drop_parts(page);
  if (!page.cold()) disk_.start(filling.worker, &page);  // else Warms writes the page
  co_return Result<void>();
}

/// Under its leader's own limits the store has not answered, and others wait: the fill goes on
/// under the server's limits, which are the others' or better. Each request's own limits go on to
/// end its wait.
bool Fills::take_servers_limits(Filling& filling, const Error& failure) {
  Page& page = filling.page;
  const bool may_help = filling.config.has_limits() && origin::is_store_failure(failure.kind());
  if (!may_help || page.has_head() || !page.has_others_waiting()) return false;
  filling.config = filling.config.without_limits();
  auto leader = std::make_shared<FetchSpec>(filling.spec);
  leader->config = filling.config;
  // A GET that was hurried had attempts left: its readers go on to wait, within their own time.
  std::optional<Error> final_failure;
  if (failure.cause() != ErrorCause::kHurried) final_failure = failure;
  page.set_leader(std::move(leader), std::move(final_failure));
  return true;
}

/// Reads the part that a request waits for. If the page has its head afterwards, the tasks of the
/// other parts may be running. If a bucket contests a version that its own bucket no longer has,
/// the part is asked for a second time, once.
rt::Task<Result<void>> Fills::first_part(Filling& filling) {
  const FetchSpec& spec = filling.spec;
  filling.order =
      origin_.buckets.rank(spec.buckets, filling.is_look() ? 0 : filling.plan.bytes_max);
  if (filling.order.index[0] == 0) spec.metrics->client_pref.add();
  Result<void> done = co_await try_first_part(filling);
  // The object ends before the first byte that the parts lack: the parts are of another version.
  if (!done && done.error().kind() == ErrorKind::kRangeNotSatisfiable && !filling.parts.empty()) {
    forget_parts(filling);
    done = co_await try_first_part(filling);
  }
  if (filling.contested == nullptr) co_return done;
  const ObjectSourcePtr contested = std::exchange(filling.contested, nullptr);
  const bool is_gone = co_await is_version_gone(filling.worker, spec, contested);
  if (!is_gone) co_return done;
  forget(filling.worker, filling.page.key(), *contested);
  co_return co_await try_first_part(filling);
}

rt::Task<Result<void>> Fills::try_first_part(Filling& filling) {
  filling.versions = VersionSet();  // no byte of an earlier try was taken
  origin::ReadTerms terms = filling.terms(filling.first_range());
  terms.known = table_.ruling(filling.page.key());
  terms.ask = filling.ask;
  terms.explain_absence = filling.is_look() && explains_absence(filling);
  if (filling.wanted) terms.wanted = filling.page.object_offset() + *filling.wanted;
  const ObjectSourcePtr known = terms.known;
  origin::ObjectRead read(origin_, filling.worker, std::move(terms));
  Result<void> done = co_await read.open();
  const bool past_end = !done && done.error().kind() == ErrorKind::kRangeNotSatisfiable;
  const uint64_t first = filling.first_range().begin;
  const bool from_wanted = past_end || filling.is_look();
  const uint64_t asked_from = from_wanted ? std::max(first, filling.wanted.value_or(first)) : first;
  filling.page.set_asked(read.asked_at(), asked_from);
  take_ends(filling, read);
  if (!done && read.contested()) filling.contested = known;
  if (done && filling.ask == origin::Ask::kHead) co_return take_look(filling, read);
  if (done && filling.ask == origin::Ask::kTail) co_return co_await take_tail(filling, read);
  if (done) done = co_await take_head(filling, read);
  if (!done) co_return done;
  start_others(filling);
  done = co_await read.run(filling);
  if (read.gone() != nullptr) filling.gone = read.gone();
  filling.hedged = filling.hedged || read.hedged();
  co_return done;
}

/// In these buckets the object ends before the first part. A known version of a bucket that does
/// not end there is old.
void Fills::take_ends(Filling& filling, const origin::ObjectRead& read) {
  const uint64_t offset = filling.in_object(filling.first_range()).begin;
  for (const origin::ObjectRead::End& end : read.ends()) {
    const std::string& bucket = filling.spec.buckets[end.bucket];
    const ObjectSourcePtr old = table_.ended_by(filling.page.key(), bucket, offset, end.sent_at);
    if (old != nullptr) forget(filling.worker, filling.page.key(), *old);
  }
}

/// Takes the object's version from the first answer, and waits for the page's memory.
rt::Task<Result<void>> Fills::take_head(Filling& filling, origin::ObjectRead& read) {
  Page& page = filling.page;
  const FetchSpec& spec = filling.spec;
  if (read.bucket() != filling.order.index[0]) spec.metrics->fallback.add();
  const ObjectInfo& info = read.info();
  if (info.size > kObjectBytesMax) {
    co_return fail(ErrorKind::kUpstream, "the object is larger than any object can be");
  }
  PageTable::Observed observed = table_.observe(page, read.source(), read.sent_at());
  if (observed.contested != nullptr) {
    filling.contested = std::move(observed.contested);
    co_return fail(ErrorKind::kChanged, "the object's buckets have it in different sizes");
  }
  read.park();
  Result<void> taken = co_await take_memory(filling, std::move(observed.source));
  if (!taken) co_return taken;
  const std::vector<ByteRange> left = filling.plan.rest(page.memory_bytes());
  filling.left.assign(left.begin(), left.end());
  co_return Result<void>();
}

/// Waits for the page's memory. The page has its head then.
rt::Task<Result<void>> Fills::take_memory(Filling& filling, ObjectSourcePtr source) {
  Page& page = filling.page;
  const uint64_t bytes = page.bytes_of(source->info.size);
  Result<void> memory = co_await admit_body(filling, source->bucket, bytes);
  if (!memory) co_return memory;
  memory = co_await memory_.allocate(filling.worker, page, bytes);
  if (!memory) co_return memory;
  if (!page.try_pin()) co_return fail(ErrorKind::kChanged, "the object changed while it was read");
  filling.pinned = true;
  if (table_.has(page)) disk_.observe(filling.worker, page.key(), *source);
  page.set_other_source(other_source_of(filling, source->bucket));
  page.set_head(std::move(source));
  co_return Result<void>();
}

void Fills::start_others(Filling& filling) {
  if (!filling.parts.empty()) {
    filling.worker.tasks().spawn(copy_parts(filling, Running(filling)));
  }
  const size_t beside = std::min<size_t>(filling.plan.parts - 1, filling.left.size());
  for (size_t i = 0; i < beside; ++i) {
    filling.worker.tasks().spawn(other_part(filling, Running(filling)));
  }
}

/// Reads parts until none is left. Never throws.
rt::Task<void> Fills::other_part(Filling& filling, Running running) {
  const Running until_here(std::move(running));
  try {
    co_await read_parts(filling);
  } catch (const std::exception& failure) {
    if (!filling.failure) filling.failure = internal(failure);
  }
}

rt::Task<void> Fills::read_parts(Filling& filling) {
  while (!filling.left.empty() && !filling.failure) {
    const ByteRange range = filling.left.front();
    filling.left.pop_front();
    Result<void> read = co_await read_part(filling, range);
    if (!read && !filling.failure) filling.failure = std::move(read.error());
  }
}

/// Reads parts itself until none is left, then waits for the other tasks.
rt::Task<void> Fills::read_rest(Filling& filling) {
  co_await other_part(filling, Running(filling));
  while (filling.running != 0) co_await filling.part_ended.wait();
}

rt::Task<Result<void>> Fills::read_part(Filling& filling, ByteRange range) {
  origin::ReadTerms terms = filling.terms(range);
  origin::ObjectRead read(origin_, filling.worker, std::move(terms));
  Result<void> done = co_await read.open();
  if (done && read.range() != filling.in_object(range)) {
    done = fail(ErrorKind::kChanged, "the object changed while it was read");
  }
  if (done) done = co_await read.run(filling);
  if (read.gone() != nullptr) filling.gone = read.gone();
  filling.hedged = filling.hedged || read.hedged();
  co_return done;
}

}  // namespace cachey::cache
