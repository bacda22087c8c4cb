// A read takes an answer if version and range fit.

#include <algorithm>
#include <memory>
#include <utility>

#include "origin/read/object_read.h"

namespace cachey::origin {
namespace {

Error changed() { return {ErrorKind::kChanged, "the object changed while it was read"}; }

Error other_size() {
  return {ErrorKind::kChanged,
          "the object has another size here than in the bucket it is known from"};
}

}  // namespace

GetRequest ObjectRead::request_for(size_t bucket, ByteRange range) const {
  GetRequest request;
  request.bucket = terms_.buckets[bucket];
  request.key = terms_.key;
  request.range = range;
  request.config = terms_.config;
  request.request_id = terms_.request_id;
  request.trace = terms_.trace;
  request.has_memory = has_memory();
  if (!opened_) request.ask = terms_.ask;
  request.explain_absence = terms_.explain_absence;
  request.if_match = if_match_of(bucket);
  return request;
}

/// The bytes of an answer to a request for `asked`, of an object of `size` bytes.
ByteRange ObjectRead::expected_of(uint64_t size, ByteRange asked) const {
  const Ask ask = opened_ ? Ask::kRange : terms_.ask;
  if (ask == Ask::kHead) return {};
  if (ask == Ask::kTail) return {size - std::min(size, asked.size()), size};
  return {asked.begin, std::min(asked.end, size)};
}

/// The tag that the object must have in the bucket; empty: any. The answer to a HEAD brings the
/// tag, which is compared here.
std::string ObjectRead::if_match_of(size_t bucket) const {
  if (terms_.ask == Ask::kHead) return {};
  const ObjectSourcePtr own = versions_.of(terms_.buckets[bucket]);
  return own == nullptr ? "" : std::string(own->info.strong_tag());
}

/// A bucket with another size than the known version's fails, unless the bucket itself decides.
bool ObjectRead::may_contest(const std::string& bucket) const {
  return versions_.empty() && terms_.known != nullptr && terms_.known->bucket != bucket &&
         terms_.kind != bucket;
}

/// What a bucket's failure says of versions.
Error ObjectRead::judge(size_t bucket, Error failure, ByteRange asked) {
  const std::string& name = terms_.buckets[bucket];
  if (failure.kind() == ErrorKind::kRangeNotSatisfiable) {
    if (may_contest(name) && terms_.known->info.size > asked.begin) {
      contested_ = true;
      failure = other_size();
    } else if (!versions_.empty()) {
      failure = changed();  // the set's versions have these bytes
    }
  }
  if (failure.kind() == ErrorKind::kChanged) gone_ = versions_.of(name);
  if (!opened_) told_size_ = std::max(told_size_, failure.object_size());
  return failure;
}

/// The object ends before the first wanted byte, and another bucket may have a longer one, or told
/// of one.
bool ObjectRead::is_short(size_t bucket, uint64_t size) const {
  if (opened_ || !terms_.wanted || size > *terms_.wanted) return false;
  if (terms_.priority.urgency() == Urgency::kSpeculation) return false;
  return has_other(bucket) || told_size_ > size;
}

std::optional<Error> ObjectRead::version_fault(const ObjectSource& source) {
  if (!versions_.fits(source)) return changed();
  if (!may_contest(source.bucket) || terms_.known->info.size == source.info.size) return {};
  contested_ = true;
  return other_size();
}

/// Makes the answer the current body, if its version and range are the expected ones.
Result<void> ObjectRead::accept(size_t bucket, PendingGetPtr get, ByteRange asked) {
  auto source = std::make_shared<const ObjectSource>(get->stream().info(), terms_.buckets[bucket]);
  const ByteRange expected = expected_of(source->info.size, asked);
  const bool lacks_bytes = expected.empty() && terms_.ask != Ask::kHead;
  std::optional<Error> fault = version_fault(*source);
  if (!fault && (lacks_bytes || get->stream().range() != expected)) {
    fault =
        Error(ErrorKind::kUpstream, "the origin's answer does not fit the range it was asked for",
              ErrorCause::kUnusableAnswer);
  }
  if (!fault && is_short(bucket, source->info.size)) {
    fault = Error::range_not_satisfiable(source->info.size);
  }
  if (fault) {
    get->give_up();
    return std::unexpected(std::move(*fault));
  }
  versions_.add(source);
  if (!opened_) {
    told_size_.reset();
    source_ = std::move(source);
    range_ = expected;
    sent_at_ = get->stream().sent_at();
  }
  if (body_ != nullptr) brought_before_ = brought();
  body_bucket_ = bucket;
  std::erase(failed_buckets_, bucket);  // another request to it may have failed
  body_ = std::move(get);
  return {};
}

}  // namespace cachey::origin
