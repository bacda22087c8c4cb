// What fills do about versions that are contested or gone.

#include <string>
#include <utility>
#include <vector>

#include "cache/filling.h"

namespace cachey::cache {
namespace {

/// Takes one byte and forgets it.
struct OneByte final : origin::ByteSink {
  std::span<std::byte> room(uint64_t) override { return {&byte, 1}; }
  void arrived(ByteRange) override {}
  std::byte byte{};
};

}  // namespace

/// The store has said what version it has. No byte is kept.
rt::Task<Result<void>> Fills::take_look(Filling& filling, origin::ObjectRead& read) {
  const KeyView key = filling.page.key();
  const ObjectSourcePtr known = table_.ruling(key);
  PageTable::Observed observed = table_.observe_look(key, read.source(), read.sent_at());
  if (observed.contested != nullptr) {
    filling.contested = std::move(observed.contested);
    co_return fail(ErrorKind::kChanged, "the object's buckets have it in different sizes");
  }
  if (known != nullptr && table_.ruling(key) == nullptr) {  // the last page was of an old version
    disk_.drop(filling.worker, key, {});
  } else {
    disk_.observe(filling.worker, key, observed.source->bucket);
  }
  table_.remove(filling.page);
  filling.page.end_look(std::move(observed.source));  // nobody waits for the body
  OneByte sink;
  (void)co_await read.run(sink);  // so that the connection can be used again
  co_return Result<void>();
}

/// Asks the version's bucket for one byte of the version, under the server's own terms. Whether the
/// bucket has another version now, or none.
rt::Task<bool> Fills::is_version_gone(rt::Worker& worker, const FetchSpec& spec,
                                      ObjectSourcePtr version) {
  const std::vector<std::string> buckets{version->bucket};
  VersionSet versions;
  versions.add(version);
  origin::RequestConfig config;
  config.attempts_max = 1;
  config.operation_timeout = kAskedAgainMax;
  origin::ReadTerms terms(buckets, origin_.buckets.rank(buckets), spec.key.object, ByteRange{0, 1},
                          config);
  terms.request_id = spec.request_id;
  terms.kind = spec.key.kind;
  terms.versions = &versions;
  origin::ObjectRead read(origin_, worker, std::move(terms));
  Result<void> opened = co_await read.open();
  if (!opened) co_return read.gone() != nullptr || opened.error().kind() == ErrorKind::kNotFound;
  OneByte sink;
  (void)co_await read.run(sink);  // so that the connection can be used again
  co_return false;
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
