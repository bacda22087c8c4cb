// How a fill takes the bytes of its page that parts in memory have.

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "cache/filling.h"

namespace cachey::cache {
namespace {

constexpr uint64_t kCopiedAtOnce = 256 * kKiB;  // some 30 microseconds of the worker's thread

/// The version is known, and the bytes are there or come.
bool is_usable(const Page& part) {
  const bool there = part.phase() == Page::Phase::kFilling || part.phase() == Page::Phase::kWhole;
  return there && !part.memory_gone();
}

/// The fill knows which buckets the part's bytes are of, and takes them.
bool may_copy(const FetchSpec& spec, const Page& part) {
  const bool is_known =
      part.phase() == Page::Phase::kWhole || part.is_all_of(std::span(&part.source()->bucket, 1));
  return is_known && spec.takes(part);
}

/// The bytes of the part, as offsets in its page.
ByteRange range_in(const Page& page, const Page& part) {
  const uint64_t begin = part.object_offset() - page.object_offset();
  return {begin, begin + part.bytes_of(part.source()->info.size)};
}

/// REQUIRES: `runs` are sorted and disjoint.
bool is_within(ByteRange range, const std::vector<ByteRange>& runs) {
  const auto run = std::ranges::upper_bound(runs, range.begin, {}, &ByteRange::end);
  return run != runs.end() && run->begin <= range.begin && range.end <= run->end;
}

/// Copies the bytes of `part` from `offset` on into the page, some at most. Returns the number; 0:
/// they are not to be had.
uint64_t copy_some(Page& page, Page& part, uint64_t offset, uint64_t end) {
  const uint64_t shift = part.object_offset() - page.object_offset();
  const uint64_t there = part.available_end(offset - shift) + shift;
  if (there <= offset || !part.try_pin()) return 0;
  const ByteRange range{offset, std::min({offset + kCopiedAtOnce, there, end})};
  uint64_t at = range.begin;
  while (at < range.end) {
    std::array<iovec, 1> from;
    if (part.gather({at - shift, range.end - shift}, from) == 0) break;
    const std::span<std::byte> to = page.writable(at);
    const size_t bytes = std::min(to.size(), from[0].iov_len);
    std::memcpy(to.data(), from[0].iov_base, bytes);
    at += bytes;
  }
  part.unpin();
  if (at > range.begin) page.add({range.begin, at});
  return at - range.begin;
}

}  // namespace

/// Finds the parts whose bytes need not be fetched: those in runs of kIslandBytesMax at least; all,
/// if they have the whole page.
void Fills::find_parts(Filling& filling) {
  Page& page = filling.page;
  if (filling.is_question() || page.is_part()) return;
  std::vector<PagePtr> parts = table_.parts(page.key(), page.index());
  std::erase_if(parts, [&filling](const PagePtr& part) {
    return !is_usable(*part) || !may_copy(filling.spec, *part);
  });
  if (parts.empty()) return;
  std::vector<ByteRange> runs;
  for (const PagePtr& part : parts) {
    const ByteRange range = range_in(page, *part);
    if (range.empty()) continue;
    if (!runs.empty() && runs.back().end == range.begin) {
      runs.back().end = range.end;
    } else {
      runs.push_back(range);
    }
  }
  const uint64_t bytes = page.bytes_of(parts.front()->source()->info.size);
  filling.lacks_nothing = runs == std::vector<ByteRange>{{0, bytes}};
  if (!filling.lacks_nothing) {
    std::erase_if(runs, [](ByteRange run) { return run.size() < PageTable::kIslandBytesMax; });
  }
  std::erase_if(parts,
                [&](const PagePtr& part) { return !is_within(range_in(page, *part), runs); });
  if (parts.empty()) return;
  filling.plan.bytes_max = bytes;
  filling.plan.present = std::move(runs);
  filling.parts = std::move(parts);
}

/// A version of a bucket other than this one that the fill's parts have bytes of; null: none.
ObjectSourcePtr Fills::other_source_of(const Filling& filling, std::string_view bucket) {
  for (const PagePtr& part : filling.parts) {
    if (part->source()->bucket != bucket) return part->source();
    if (part->phase() == Page::Phase::kWhole && part->other_source() != nullptr)
      return part->other_source();
  }
  return nullptr;
}

void Fills::forget_parts(Filling& filling) {
  filling.parts.clear();
  filling.plan.present.clear();
  filling.plan.bytes_max = filling.page.bytes_max();
}

/// The parts have all of the page: it has their version, and nothing is asked of the store.
rt::Task<Result<void>> Fills::take_parts_head(Filling& filling) {
  Page& page = filling.page;
  const Page& first = *filling.parts.front();
  page.set_asked(first.asked_at(), 0);
  PageTable::Observed observed = table_.observe(page, first.source(), first.asked_at());
  if (observed.contested != nullptr) {  // the version is not the object's any more
    forget_parts(filling);
    co_return co_await first_part(filling);
  }
  filling.order = origin_.buckets.rank(filling.spec.buckets, filling.plan.bytes_max);
  Result<void> taken = co_await take_memory(filling, std::move(observed.source));
  if (taken) start_others(filling);
  co_return taken;
}

/// Copies the parts, then reads what they turned out to lack. Never throws.
rt::Task<void> Fills::copy_parts(Filling& filling, Running running) {
  const Running until_here(std::move(running));
  try {
    for (const PagePtr& part : filling.parts) co_await copy_part(filling, part);
    co_await read_parts(filling);
  } catch (const std::exception& failure) {
    if (!filling.failure) filling.failure = Error(ErrorKind::kInternal, failure.what());
  }
}

/// Copies a part; waits for the bytes of its own fill. What it does not give is fetched.
rt::Task<void> Fills::copy_part(Filling& filling, PagePtr part) {
  Page& page = filling.page;
  const PageReading reading(part, clock_.mono());  // so that its fill goes on
  ByteRange range = range_in(page, *part);
  range.end = std::min(range.end, page.memory_bytes());
  if (range.empty()) co_return;
  bool gives = filling.versions.fits(*part->source());
  if (gives) filling.versions.add(part->source());
  while (gives && range.begin < range.end && !filling.failure) {
    const uint64_t copied = copy_some(page, *part, range.begin, range.end);
    range.begin += copied;
    if (copied != 0) {
      co_await rt::asio::post(filling.worker.executor(), rt::kAwait);
      continue;
    }
    gives = part->phase() == Page::Phase::kFilling && !part->memory_gone();
    if (!gives) break;
    const uint64_t offset = page.object_offset() + range.begin - part->object_offset();
    Result<void> waited =
        co_await part->wait_byte(filling.worker, offset, rt::Until(MonoTime::max()));
    gives = waited.has_value();
  }
  if (!range.empty()) filling.left.push_back(range);
}

}  // namespace cachey::cache
