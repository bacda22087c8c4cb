// Tails: the last bytes of an object whose size is learned with them.

#include <algorithm>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "cache/filling.h"

namespace cachey::cache {
namespace {

constexpr size_t kPassedOverAtOnce = 16 * kKiB;

std::unexpected<Error> changed() {
  return cachey::fail(ErrorKind::kChanged, "the object changed while it was read");
}

}  // namespace

/// The body of a tail, which goes into the pages and parts that the fill made for it. Bytes of
/// other pages are passed over: these are in the cache, or others fetch them. Fails what it has not
/// filled. The worker's thread.
class Fills::TailBody final : public origin::ByteSink {
 public:
  TailBody(Fills& fills, Filling& filling) : fills_(fills), filling_(filling) {}
  ~TailBody() override {
    fail(Error(ErrorKind::kInternal, "the fetch of the object's last bytes broke off"));
  }

  /// Makes what takes the bytes of `tail`, which ends with the object.
  void make_pages(const FetchSpecPtr& spec, ByteRange tail);
  [[nodiscard]] bool empty() const { return filling_.targets.empty(); }
  /// Waits for memory. All pages have their heads then.
  [[nodiscard]] rt::Task<Result<void>> take_memory(ObjectSourcePtr source, MonoTime sent_at);

  std::span<std::byte> room(uint64_t offset) override;
  void arrived(ByteRange range) override;
  [[nodiscard]] bool is_wanted() const override { return filling_.is_waiting(); }

  void finish();
  void fail(const Error& error);

 private:
  [[nodiscard]] Page* page_of(uint64_t offset) const;

  Fills& fills_;
  Filling& filling_;
  std::vector<Page*> pinned_;
  std::vector<std::byte> passed_over_;
};

void Fills::TailBody::make_pages(const FetchSpecPtr& spec, ByteRange tail) {
  const PageSize size = spec->page_size;
  for (uint64_t at = tail.begin; at < tail.end;) {
    const uint32_t index = size.index_of(at);
    const ByteRange page = size.range_of(index);
    const ByteRange place{at, std::min(page.end, tail.end)};
    at = place.end;
    PagePtr made;
    if (place.begin == page.begin) {
      PageTable::Found found = fills_.table_.find_or_create(spec, index, FillOrder::kFromBegin);
      if (found.created) made = std::move(found.page);
    } else {
      made = fills_.table_.create_part(spec, index, place);
    }
    if (made != nullptr) filling_.targets.push_back(std::move(made));
  }
}

rt::Task<Result<void>> Fills::TailBody::take_memory(ObjectSourcePtr source, MonoTime sent_at) {
  const uint64_t object_size = source->info.size;
  uint64_t bytes = 0;
  for (const PagePtr& page : filling_.targets)
    bytes += store::Arena::rounded(page->bytes_of(object_size));
  Result<void> admitted = co_await fills_.admit_body(filling_, source->bucket, bytes);
  if (!admitted) co_return admitted;
  for (const PagePtr& page : filling_.targets) {
    PageTable::Observed observed = fills_.table_.observe(*page, source, sent_at);
    if (observed.contested != nullptr) co_return changed();
    Result<void> memory =
        co_await fills_.memory_.allocate(filling_.worker, *page, page->bytes_of(object_size));
    if (!memory) co_return memory;
    if (!page->try_pin()) co_return changed();
    pinned_.push_back(page.get());
    page->set_asked(sent_at, 0);
    page->set_head(std::move(observed.source));
  }
  co_return Result<void>();
}

/// Null: nothing here takes this byte.
Page* Fills::TailBody::page_of(uint64_t offset) const {
  for (const PagePtr& page : filling_.targets) {
    if (page->object_offset() <= offset && offset < page->place().end) return page.get();
  }
  return nullptr;
}

std::span<std::byte> Fills::TailBody::room(uint64_t offset) {
  if (Page* const page = page_of(offset)) return page->writable(offset - page->object_offset());
  uint64_t bytes = kPassedOverAtOnce;  // up to the next page that takes bytes
  for (const PagePtr& page : filling_.targets) {
    if (page->object_offset() > offset) bytes = std::min(bytes, page->object_offset() - offset);
  }
  passed_over_.resize(kPassedOverAtOnce);
  return std::span(passed_over_).first(bytes);
}

void Fills::TailBody::arrived(ByteRange range) {
  filling_.ingress.add(range.size());
  Page* const page = page_of(range.begin);
  if (page == nullptr) return;
  const uint64_t begin = page->object_offset();
  page->add(ByteRange{range.begin - begin, range.end - begin});
}

/// All bytes have come.
void Fills::TailBody::finish() {
  for (const PagePtr& page : filling_.targets) {
    page->finish(fills_.clock_.unix_seconds(), filling_.versions.beside(page->source()->bucket));
    fills_.memory_.publish(*page);
    if (!page->is_part()) fills_.table_.drop_parts(*page);
    fills_.disk_.start(filling_.worker, page);
  }
  for (Page* const page : std::exchange(pinned_, {})) page->unpin();
}

void Fills::TailBody::fail(const Error& error) {
  for (const PagePtr& page : filling_.targets) {
    if (page->phase() != Page::Phase::kWhole) fills_.fill_failed(*page, filling_.spec, error);
  }
  for (Page* const page : std::exchange(pinned_, {})) page->unpin();
  filling_.targets.clear();
}

void Fills::tail(rt::Worker& worker, PagePtr page, FetchSpecPtr spec) {
  const ByteRange bytes{0, page->bytes_max()};
  try {
    worker.tasks().spawn(run(worker, page, spec, bytes, std::nullopt, origin::Ask::kTail));
  } catch (const std::exception& failure) {
    fill_failed(*page, *spec, Error(ErrorKind::kInternal, failure.what()));
  }
}

/// The answer's head tells where the bytes belong.
rt::Task<Result<void>> Fills::take_tail(Filling& filling, origin::ObjectRead& read) {
  if (read.bucket() != filling.order.index[0]) filling.spec.metrics->fallback.add();
  Result<ObjectSourcePtr> source = observe_answer(filling, read);
  if (!source) co_return std::unexpected(std::move(source.error()));
  TailBody body(*this, filling);
  body.make_pages(filling.page.leader(), read.range());
  if (!table_.has(filling.page)) {  // purged: a reader gets other pages, which are asked for anew
    body.fail(Error(ErrorKind::kCancelled, "the object was purged"));
  }
  if (!body.empty()) {
    read.park();
    Result<void> memory = co_await body.take_memory(*source, read.sent_at());
    if (!memory) {
      body.fail(memory.error());
      co_return memory;
    }
  }
  table_.remove(filling.page);
  filling.page.end_look(std::move(*source));
  if (body.empty()) co_return Result<void>();
  Result<void> done = co_await read.run(body);
  if (read.gone() != nullptr) forget(filling.worker, filling.page.key(), *read.gone());
  if (!done) {
    body.fail(done.error());
    co_return done;
  }
  body.finish();
  filling.spec.metrics->download.add();
  if (read.hedged()) filling.spec.metrics->hedged.add();
  co_return done;
}

}  // namespace cachey::cache
