#include "api/bucket_rules.h"

#include <algorithm>
#include <utility>

#include "api/names.h"
#include "base/check.h"

namespace cachey::api {

Result<DeclaredKind> DeclaredKind::parse(std::string_view text) {
  const auto refuse = [](const char* why) { return fail(ErrorKind::kBadRequest, why); };
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return refuse("is not NAME=BUCKET or NAME=BUCKET,BUCKET");
  DeclaredKind kind;
  kind.name = text.substr(0, equals);
  if (Result<void> checked = check_kind_name("kind", kind.name); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  std::string_view rest = text.substr(equals);  // each bucket with the sign before the bucket
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view bucket = rest.substr(0, rest.find(','));
    if (Result<void> checked = check_bucket_name("bucket", bucket); !checked) {
      return std::unexpected(std::move(checked.error()));
    }
    if (std::ranges::find(kind.buckets, bucket) != kind.buckets.end())
      return refuse("names a bucket twice");
    if (kind.buckets.size() == kBucketsMax) return refuse("names more than 16 buckets");
    kind.buckets.emplace_back(bucket);
    rest.remove_prefix(bucket.size());
  }
  return kind;
}

std::string DeclaredKind::text() const {
  std::string text = name;
  for (const std::string& bucket : buckets) {
    text += &bucket == &buckets.front() ? '=' : ',';
    text += bucket;
  }
  return text;
}

BucketRules::BucketRules(std::vector<BucketGlob> allowed, std::vector<DeclaredKind> kinds,
                         OtherKinds others)
    : allowed_(std::move(allowed)), others_(others) {
  for (DeclaredKind& kind : kinds) {
    const bool is_new = declared_.emplace(std::move(kind.name), std::move(kind.buckets)).second;
    CHECK(is_new);
  }
}

std::optional<BucketDenial> BucketRules::denial(std::string_view kind,
                                                std::string_view bucket) const {
  if (const auto declared = declared_.find(kind); declared != declared_.end()) {
    if (std::ranges::find(declared->second, bucket) != declared->second.end()) return std::nullopt;
    return BucketDenial::kKindBucket;
  }
  if (others_ == OtherKinds::kRefused) return BucketDenial::kKind;
  const auto matches = [bucket](const BucketGlob& glob) { return glob.matches(bucket); };
  if (allowed_.empty() || std::ranges::any_of(allowed_, matches)) return std::nullopt;
  return BucketDenial::kBucket;
}

void BucketRules::add_buckets_of(std::string_view kind, std::vector<std::string>& buckets) const {
  const auto declared = declared_.empty() ? declared_.end() : declared_.find(kind);
  if (declared == declared_.end()) {
    buckets.emplace_back(kind);
  } else {
    buckets.insert(buckets.end(), declared->second.begin(), declared->second.end());
  }
}

}  // namespace cachey::api
