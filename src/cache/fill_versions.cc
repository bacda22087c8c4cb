// What fills do about versions that are contested or gone.

#include <string>
#include <utility>
#include <vector>

#include "cache/filling.h"

namespace cachey::cache {

/// The store has said what version it has: what is old leaves the table and the disk.
Result<ObjectSourcePtr> Fills::observe_answer(Filling& filling, const origin::ObjectRead& read) {
  const KeyView key = filling.page.key();
  const ObjectSourcePtr known = table_.ruling(key);
  PageTable::Observed observed = table_.observe_look(filling.page, read.source(), read.sent_at());
  if (!table_.has(filling.page)) return std::move(observed.source);  // purged: it tells no more
  if (observed.contested != nullptr) {
    filling.contested = std::move(observed.contested);
    return fail(ErrorKind::kChanged, "the object's buckets have it in different sizes");
  }
  if (known != nullptr && table_.ruling(key) == nullptr) {  // the last page was of an old version
    disk_.drop(filling.worker, key, {});
  } else {
    disk_.observe(filling.worker, key, *observed.source);
  }
  absences_.forget(filling.spec);
  return std::move(observed.source);
}

/// The answer to a HEAD alone is too little to drop what is known, or to tell a client that asks
/// for more than the head.
bool Fills::explains_absence(const Filling& filling) const {
  const KeyView key = filling.page.key();
  return filling.spec.explain_absence || table_.knows(key) || disk_.has(key);
}

Result<void> Fills::take_look(Filling& filling, const origin::ObjectRead& read) {
  Result<ObjectSourcePtr> source = observe_answer(filling, read);
  if (!source) return std::unexpected(std::move(source.error()));
  table_.remove(filling.page);
  filling.page.end_look(std::move(*source));
  return {};
}

/// The fill, look or tail ended without a head. If a purge has taken the page out, the store is to
/// be asked again.
void Fills::take_failure(const Filling& filling, const Error& failure, MonoTime asked_at) {
  if (!table_.has(filling.page)) return;
  absences_.learn(filling.spec, failure, asked_at);
  if (table_.has(filling.page)) return take_absence(filling, failure);
  absences_.forget(filling.spec);
}

/// All buckets of the read have said that they do not have the object: what is known of it from
/// them is old, unless a later request has brought it.
void Fills::take_absence(const Filling& filling, const Error& failure) {
  if (config_.heads_bytes_max == 0) return;
  // A bucket that is not there is more likely a wrong setting than the end of its objects, and so
  // is a code that S3 does not have.
  const bool is_doubtful = failure.cause() == ErrorCause::kNoSuchBucket ||
                           failure.cause() == ErrorCause::kUnusableAnswer;
  if (failure.kind() != ErrorKind::kNotFound || is_doubtful) return;
  const KeyView key = filling.page.key();
  const MonoTime asked_at = filling.page.asked_at();
  for (const size_t index : filling.order) {
    const std::string& bucket = filling.spec.buckets[index];
    table_.note_absence(key, bucket, asked_at);
    const ObjectSourcePtr old = table_.ended_by(key, bucket, 0, asked_at);
    if (old != nullptr) {
      forget(filling.worker, key, *old);
    } else if (table_.version_in(key, bucket) == nullptr) {
      disk_.drop(filling.worker, key, bucket);
    }
  }
}

/// Asks the version's bucket for its version, under the server's own terms. Whether the bucket has
/// another version now, or none.
rt::Task<bool> Fills::is_version_gone(rt::Worker& worker, const FetchSpec& spec,
                                      ObjectSourcePtr version) {
  const std::vector<std::string> buckets{version->bucket};
  VersionSet versions;
  versions.add(version);
  origin::RequestConfig config;
  config.attempts_max = 1;
  config.operation_timeout = kAskedAgainMax;
  origin::ReadTerms terms(buckets, origin_.buckets.rank(buckets), spec.key.object, {}, config);
  terms.ask = origin::Ask::kHead;
  terms.explain_absence = true;
  terms.request_id = spec.request_id;
  terms.trace = spec.trace;
  terms.kind = spec.key.kind;
  terms.client = spec.client;
  terms.versions = &versions;
  origin::ObjectRead read(origin_, worker, std::move(terms));
  Result<void> opened = co_await read.open();
  if (opened) co_return false;
  co_return read.gone() != nullptr || opened.error().kind() == ErrorKind::kNotFound;
}

/// The bucket no longer has this version.
void Fills::forget(rt::Worker& worker, KeyView key, const ObjectSource& gone) {
  const ObjectVersions::Forgotten forgotten = table_.forget(key, gone);
  if (forgotten == ObjectVersions::Forgotten::kBucket) {
    disk_.drop(worker, key, gone.bucket);
  } else if (table_.ruling(key) == nullptr) {  // else the object has a newer version
    disk_.drop(worker, key, {});
  }
}

}  // namespace cachey::cache
