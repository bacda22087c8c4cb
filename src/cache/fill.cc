#include "cache/fill.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "cache/fill_plan.h"

namespace cachey::cache {

/// The state of one fill, in the frame of its task.
struct Fills::Filling final : origin::ByteSink {
  Filling(rt::Worker& w, Page& p, const FetchSpec& s, Throughput& in)
      : worker(w), page(p), spec(s), ingress(in), part_ended(w) {}

  std::span<std::byte> room(uint64_t offset) override {
    return page.writable(offset - page.object_offset());
  }
  void arrived(ByteRange range) override {
    ingress.add(range.size());
    const uint64_t begin = page.object_offset();
    page.add(ByteRange{range.begin - begin, range.end - begin});
  }
  /// The terms under which a range of the page is read.
  [[nodiscard]] origin::ReadTerms terms(ByteRange range) const {
    origin::ReadTerms terms(spec.buckets, order, spec.key.object, in_object(range), spec.config);
    terms.request_id = spec.request_id;
    terms.kind = spec.key.kind;
    terms.priority = {&page.wanted_parts(), Page::parts_of(range)};
    return terms;
  }
  [[nodiscard]] ByteRange in_object(ByteRange range) const {
    return {page.object_offset() + range.begin, page.object_offset() + range.end};
  }

  rt::Worker& worker;
  Page& page;
  const FetchSpec& spec;
  Throughput& ingress;
  FillPlan plan;
  origin::BucketOrder order;  // of all its reads: a page asks at most two buckets
  std::optional<store::Admission> admission;

  // Set once the first part's head has come: the ranges that are left, and the tasks that read
  // them.
  std::deque<ByteRange> left;
  uint32_t running = 0;
  rt::Wakeup part_ended;
  std::optional<Error> failure;
  bool hedged = false;
};

uint64_t Fills::bytes_needed(KeyView key, uint32_t index) {
  const std::optional<uint64_t> size = table_.object_size(key);
  const uint64_t begin = uint64_t{index} * kPageBytes;
  if (!size || *size <= begin) return kPageBytes;
  return std::min(kPageBytes, *size - begin);
}

void Fills::want(Page& page, uint64_t offset) {
  if (page.wanted_parts().want(Page::parts_of({offset, offset + 1}))) origin_.gate.promote_wanted();
}

void Fills::start(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, uint64_t offset,
                  std::optional<store::Admission> admission) {
  worker.tasks().spawn(run(worker, std::move(page), std::move(spec), offset, std::move(admission)));
}

rt::Task<void> Fills::run(rt::Worker& worker, PagePtr page, FetchSpecPtr spec, uint64_t offset,
                          std::optional<store::Admission> admission) {
  metrics_.fills_in_flight.fetch_add(1, std::memory_order_relaxed);
  const MonoTime start = clock_.mono();
  Filling filling(worker, *page, *spec, metrics_.ingress);
  filling.plan.parts = spec->config.parts.value_or(config_.parts);
  filling.plan.first = page->fill_order() == FillOrder::kFromWanted ? offset : 0;
  if (admission) filling.admission.emplace(std::move(*admission));
  Result<void> filled = co_await fill(filling);
  metrics_.fills_in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (filled) {
    const std::chrono::nanoseconds took = clock_.mono() - start;
    spec->metrics->download.add();
    if (filling.hedged) spec->metrics->hedged.add();
    spec->metrics->download_latency.observe(static_cast<uint64_t>(took.count()));
    co_return;
  }
  metrics_.fills_failed.add();
  log::debug("fill failed", {{"kind", spec->key.kind},
                             {"object", spec->key.object},
                             {"page", page->index()},
                             {"error", to_string(filled.error().kind())},
                             {"text", filled.error().message()},
                             {"request_id", spec->request_id}});
  table_.remove(*page);  // before fail(), so that a retry does not find the page
  page->fail(std::move(filled.error()));
  memory_.discard(*page);
}

rt::Task<Result<void>> Fills::admit(Filling& filling, uint64_t bytes) {
  filling.admission.reset();
  Result<store::Admission> admitted =
      co_await memory_.bodies().admit(filling.worker, filling.spec.buckets.front(), bytes);
  if (!admitted) co_return std::unexpected(std::move(admitted.error()));
  filling.admission.emplace(std::move(*admitted));
  co_return Result<void>();
}

rt::Task<Result<void>> Fills::fill(Filling& filling) {
  Page& page = filling.page;
  if (std::optional<Error> absent = absences_.find(filling.spec)) {
    co_return std::unexpected(std::move(*absent));
  }
  if (!filling.admission) {
    Result<void> admitted = co_await admit(filling, bytes_needed(page.key(), page.index()));
    if (!admitted) co_return admitted;
  }
  const MonoTime asked_at = clock_.mono();
  Result<void> first = co_await first_part(filling);
  if (!page.has_head()) {
    absences_.learn(filling.spec, first.error(), asked_at);
    co_return first;
  }
  // From here on the page has memory; this fill keeps it pinned.
  if (!first) filling.failure = std::move(first.error());
  co_await read_rest(filling);
  Result<void> filled;
  if (filling.failure) {
    // If the table has dropped the page, only this page's version is old; the object's is known.
    if (filling.failure->kind() == ErrorKind::kChanged && table_.has(page)) {
      disk_.drop(filling.worker, page.key());
      table_.drop_known(page.key());
    }
    filled = std::unexpected(std::move(*filling.failure));
  } else {
    page.finish(clock_.unix_seconds());
    memory_.publish(page);
    disk_.start(filling.worker, &page, std::move(*filling.admission));
  }
  page.unpin();
  co_return filled;
}

/// Reads the part that a request waits for. If the page has its head afterwards, the tasks of the
/// other parts may be running.
rt::Task<Result<void>> Fills::first_part(Filling& filling) {
  const FetchSpec& spec = filling.spec;
  const uint64_t request = table_.next_request();
  filling.order = origin_.buckets.rank(spec.buckets);
  if (filling.order.index[0] == 0) spec.metrics->client_pref.add();
  origin::ReadTerms terms = filling.terms(filling.plan.first_range());
  origin::ObjectRead read(origin_, filling.worker, std::move(terms));
  Result<void> done = co_await read.open();
  if (!done && done.error().kind() == ErrorKind::kRangeNotSatisfiable) {
    take_end(filling, request);
  }
  if (done) done = co_await take_head(filling, read, request);
  if (!done) co_return done;
  start_others(filling);
  done = co_await read.run(filling);
  filling.hedged = filling.hedged || read.hedged();
  co_return done;
}

/// The object ends before the first part. If its known version does not, that version is old.
void Fills::take_end(Filling& filling, uint64_t request) {
  const KeyView key = filling.page.key();
  const uint64_t offset = filling.page.object_offset() + filling.plan.first;
  if (table_.observe_end(key, offset, request)) disk_.drop(filling.worker, key);
}

/// Takes the object's version from the first answer, and allocates the page's memory.
rt::Task<Result<void>> Fills::take_head(Filling& filling, const origin::ObjectRead& read,
                                        uint64_t request) {
  Page& page = filling.page;
  const FetchSpec& spec = filling.spec;
  if (read.bucket() != filling.order.index[0]) spec.metrics->fallback.add();
  const ObjectInfo& info = read.info();
  if (info.size > kObjectBytesMax) {
    co_return fail(ErrorKind::kUpstream, "the object is larger than any object can be");
  }
  const uint64_t bytes = std::min(kPageBytes, info.size - page.object_offset());
  ObjectSourcePtr source =
      std::make_shared<ObjectSource>(ObjectSource{info, spec.buckets[read.bucket()]});
  source = table_.observe(page, std::move(source), request);
  if (bytes > filling.admission->bytes()) {  // the object is larger than bytes_needed() knew
    Result<void> admitted = co_await admit(filling, bytes);
    if (!admitted) co_return admitted;
  }
  filling.admission->shrink_to(store::Arena::rounded(bytes));
  Result<void> allocated = co_await memory_.allocate(filling.worker, page, bytes);
  if (!allocated) co_return allocated;
  if (!page.try_pin()) co_return fail(ErrorKind::kChanged, "the object changed while it was read");
  disk_.observe(filling.worker, page.key());
  page.set_head(std::move(source));
  const std::vector<ByteRange> left = filling.plan.rest(bytes);
  filling.left.assign(left.begin(), left.end());
  co_return Result<void>();
}

void Fills::start_others(Filling& filling) {
  const size_t beside = std::min<size_t>(filling.plan.parts - 1, filling.left.size());
  for (size_t i = 0; i < beside; ++i) {
    ++filling.running;
    filling.worker.tasks().spawn(other_part(filling));
  }
}

rt::Task<void> Fills::other_part(Filling& filling) {
  while (!filling.left.empty() && !filling.failure) {
    const ByteRange range = filling.left.front();
    filling.left.pop_front();
    Result<void> read = co_await read_part(filling, range);
    if (!read && !filling.failure) filling.failure = std::move(read.error());
  }
  --filling.running;
  filling.part_ended.notify();
}

/// Reads parts itself until none is left, then waits for the other tasks.
rt::Task<void> Fills::read_rest(Filling& filling) {
  ++filling.running;
  co_await other_part(filling);
  while (filling.running != 0) co_await filling.part_ended.wait();
}

rt::Task<Result<void>> Fills::read_part(Filling& filling, ByteRange range) {
  origin::ReadTerms terms = filling.terms(range);
  terms.version = filling.page.source()->info;
  origin::ObjectRead read(origin_, filling.worker, std::move(terms));
  Result<void> done = co_await read.open();
  if (done && read.range() != filling.in_object(range)) {
    done = fail(ErrorKind::kChanged, "the object changed while it was read");
  }
  if (done) done = co_await read.run(filling);
  filling.hedged = filling.hedged || read.hedged();
  co_return done;
}

}  // namespace cachey::cache
