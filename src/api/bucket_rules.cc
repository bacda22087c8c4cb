#include "api/bucket_rules.h"

#include <algorithm>
#include <utility>

#include "api/names.h"
#include "base/check.h"

namespace cachey::api {
namespace {

bool is_allowed(const std::vector<BucketGlob>& allowed, std::string_view bucket) {
  const auto matches = [bucket](const BucketGlob& glob) { return glob.matches(bucket); };
  return allowed.empty() || std::ranges::any_of(allowed, matches);
}

}  // namespace

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
    : others_(others), is_open_(kinds.empty() && others == OtherKinds::kAny) {
  (void)replace_allowed(std::move(allowed));
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
  const Globs* const globs = patterns_->current.load(std::memory_order_acquire);
  if (globs == nullptr || is_allowed(*globs, bucket)) return std::nullopt;
  return BucketDenial::kBucket;
}

bool BucketRules::limit_names() const {
  if (others_ == OtherKinds::kRefused) return true;
  const Globs* const globs = patterns_->current.load(std::memory_order_acquire);
  return globs != nullptr && std::ranges::all_of(*globs, &BucketGlob::is_name);
}

std::vector<std::string> BucketRules::allowed() const {
  std::vector<std::string> texts;
  const Globs* const globs = patterns_->current.load(std::memory_order_acquire);
  if (globs == nullptr) return texts;
  for (const BucketGlob& glob : *globs) texts.push_back(glob.text());
  return texts;
}

std::optional<std::string> BucketRules::declared_but_not_by(
    const std::vector<BucketGlob>& allowed) const {
  for (const auto& [kind, buckets] : declared_) {
    for (const std::string& bucket : buckets) {
      if (!is_allowed(allowed, bucket)) return bucket;
    }
  }
  return std::nullopt;
}

bool BucketRules::replace_allowed(std::vector<BucketGlob> allowed) {
  const MutexLock lock(patterns_->mutex);
  if (patterns_->all.size() > kReplacedMax) return false;
  patterns_->all.push_back(std::make_unique<const Globs>(std::move(allowed)));
  const Globs* const fresh = patterns_->all.back().get();
  patterns_->current.store(fresh->empty() ? nullptr : fresh, std::memory_order_release);
  return true;
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
