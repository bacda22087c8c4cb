#include "cache/object_look.h"

#include <algorithm>
#include <utility>

#include "cache/retry_rule.h"

namespace cachey::cache {
namespace {

/// Whether the answer to another's look is one for a caller that wants this byte.
bool reaches(const Page& look, const FetchSpec& spec, std::optional<uint64_t> wanted) {
  if (!spec.takes(*look.source())) return false;
  if (!wanted || spec.buckets.size() == 1 || look.source()->info.size > *wanted) return true;
  return look.asked_from() >= *wanted;  // the other buckets were asked, too
}

/// Whether a caller that joined the failed look starts or joins another one.
bool may_look_again(const Page& look, const FetchSpec& spec, PageRole role, MonoTime not_before,
                    int tries) {
  const FetchSpecPtr leader = look.leader();
  PageFailure failure;
  failure.error = look.error().kind();
  failure.role = role;
  failure.hurried = look.error().cause() == ErrorCause::kHurried;
  failure.other_terms = leader == nullptr || !spec.same_terms(*leader);
  failure.old_news = look.asked_at() < not_before;
  failure.unexplained = look.error().kind() == ErrorKind::kNotFound && spec.explain_absence &&
                        leader != nullptr && !leader->explain_absence;
  failure.tries = tries;
  return may_try_again(failure);
}

/// Whether a look may bring what a tail with this failure did not.
bool may_be_looked_at(const Error& failure) {
  return failure.kind() == ErrorKind::kRangeNotSatisfiable ||
         failure.cause() == ErrorCause::kUnusableAnswer;
}

}  // namespace

rt::Task<Result<ObjectSourcePtr>> look_at(Cache& cache, rt::Worker& worker, FetchSpecPtr spec,
                                          MonoTime not_before, rt::Until until,
                                          std::optional<uint64_t> wanted) {
  for (int tries = 0;; ++tries) {
    PageTable::Found found = cache.table().look(spec);
    const PageReading reading(found.page, cache.clock().mono());  // so that the store is asked
    cache.fills().want(*found.page, 0);
    if (found.created) cache.fills().look(worker, found.page, spec, wanted);
    const Page& look = *found.page;
    Result<void> waited = co_await found.page->wait_head(worker, *spec, until);
    if (!waited) co_return std::unexpected(std::move(waited.error()));
    const bool is_new = look.has_head() && look.asked_at() >= not_before;
    if (is_new && (found.created || reaches(look, *spec, wanted))) co_return look.source();
    const PageRole role = found.created ? PageRole::kStarted : PageRole::kJoined;
    if (!may_look_again(look, *spec, role, not_before, tries))
      co_return std::unexpected(look.error());
  }
}

rt::Task<Result<ObjectSourcePtr>> fetch_tail(Cache& cache, rt::Worker& worker, FetchSpecPtr spec,
                                             uint64_t bytes, MonoTime not_before, rt::Until until) {
  const bool fits = bytes <= std::min(kTailBytesMax, spec->page_size.bytes());
  for (int tries = 0; fits; ++tries) {
    PageTable::Found found = cache.table().tail(spec, bytes);
    const PageReading reading(found.page, cache.clock().mono());  // so that the store is asked
    cache.fills().want(*found.page, 0);
    if (found.created) cache.fills().tail(worker, found.page, spec);
    const Page& tail = *found.page;
    Result<void> waited = co_await found.page->wait_head(worker, *spec, until);
    if (!waited) co_return std::unexpected(std::move(waited.error()));
    const bool is_new = tail.has_head() && tail.asked_at() >= not_before;
    if (is_new && spec->takes(*tail.source())) co_return tail.source();
    if (tail.has_head() || may_be_looked_at(tail.error())) break;
    const PageRole role = found.created ? PageRole::kStarted : PageRole::kJoined;
    if (!may_look_again(tail, *spec, role, not_before, tries))
      co_return std::unexpected(tail.error());
  }
  co_return co_await look_at(cache, worker, std::move(spec), not_before, std::move(until));
}

}  // namespace cachey::cache
