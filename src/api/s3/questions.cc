#include "api/s3/questions.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "api/s3/freshness.h"
#include "base/log.h"
#include "cache/object_look.h"

namespace cachey::api::s3 {
namespace {

/// The store has answered the question, if only with a refusal.
bool is_answer(const Error& error) {
  return !is_outage(error) && error.kind() != ErrorKind::kCancelled &&
         error.kind() != ErrorKind::kInternal;
}

/// A GET of a byte, which explains a HEAD's refusal, has found no byte: that is no answer to a
/// question about the object. It came after the HEAD, or the store takes no HEADs.
bool is_empty(const Result<cache::Head>& head) {
  return !head && head.error().kind() == ErrorKind::kRangeNotSatisfiable;
}

}  // namespace

rt::Task<Result<cache::Head>> Questions::ask(rt::Worker& worker, cache::FetchSpecPtr spec,
                                             QuestionTerms terms, std::stop_token client_left) {
  const std::string_view bucket = spec->key.kind;
  const MonoTime now = cache_.clock().mono();
  if (terms.may_be_stale && !outages_.may_ask(bucket, now))
    co_return fail(ErrorKind::kThrottled, "the store fails at present");
  const MonoTime deadline = terms.may_be_stale ? now + Outages::kPatience : MonoTime::max();
  const rt::Until until{deadline, std::move(client_left)};
  const MonoTime not_before = terms.news_from - terms.age_max;
  Result<cache::Head> head = co_await look(worker, spec, not_before, until);
  // The answer to an older question may say yes, but not no.
  const bool is_gone = !head && head.error().kind() == ErrorKind::kNotFound;
  if (is_gone && not_before < terms.news_from && !is_absent_since(*spec, terms.news_from))
    head = co_await look(worker, spec, terms.news_from, until);
  if (is_empty(head)) {
    head = co_await look(worker, spec, cache_.clock().mono(), until);
    if (is_empty(head))
      head = fail(ErrorKind::kInternal, "the object is empty, and the store does not tell of it");
  }
  const bool is_late = !head && head.error().kind() == ErrorKind::kTimeout;
  if (is_late && cache_.clock().mono() >= deadline) {
    head = fail(ErrorKind::kTimeout, "the store has not answered in a second");
    if (outages_.may_wait(bucket)) worker.tasks().spawn(hear_late_answer(worker, spec, not_before));
  }
  count(bucket, head, terms.may_be_stale);
  co_return head;
}

/// The client has its answer. Waits for the question that goes on: a slow store is not out.
rt::Task<void> Questions::hear_late_answer(rt::Worker& worker, cache::FetchSpecPtr spec,
                                           MonoTime not_before) {
  const rt::Until until{cache_.clock().mono() + Outages::kLateMax, {}};
  const Result<cache::Head> head = co_await look(worker, spec, not_before, until);
  outages_.ended_wait(spec->key.kind);
  count(spec->key.kind, head, false);
}

/// An outage's begin and end are in the log, so that an operator sees why answers are stale. Only
/// failures of requests that may be answered stale count: an object that the store cannot tell of
/// is never known, and is asked for as often as its clients like.
void Questions::count(std::string_view bucket, const Result<cache::Head>& head, bool may_be_stale) {
  if (head || is_answer(head.error())) {
    if (outages_.answered(bucket))
      log::info("the store answers again, objects are confirmed", {{"bucket", bucket}});
  } else if (may_be_stale && is_outage(head.error()) &&
             outages_.failed(bucket, cache_.clock().mono())) {
    log::warn("the store does not answer, objects are served stale",
              {{"bucket", bucket}, {"text", head.error().message()}});
  }
}

rt::Task<Result<cache::Head>> Questions::look(rt::Worker& worker, cache::FetchSpecPtr spec,
                                              MonoTime not_before, rt::Until until) {
  Result<ObjectSourcePtr> seen =
      co_await cache::look_at(cache_, worker, spec, not_before, std::move(until));
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  const cache::KeyView key = spec->key.view();
  const std::optional<cache::Head> noted = cache_.heads().find(key, key.hash());
  const bool is_it = noted && noted->source != nullptr && spec->takes(*noted->source) &&
                     noted->source->same_version(**seen);
  if (is_it) co_return cache::Head{noted->source, std::max(noted->confirmed_at, not_before)};
  co_return cache::Head{std::move(*seen), not_before};
}

/// The store has said, to a question that was sent at `when` or later, that the object is absent.
bool Questions::is_absent_since(const cache::FetchSpec& spec, MonoTime when) {
  const cache::KeyView key = spec.key.view();
  const std::optional<cache::Head> head = cache_.heads().find(key, key.hash());
  return head && head->source == nullptr && head->confirmed_at >= when;
}

}  // namespace cachey::api::s3
