#include "api/s3/revalidate_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace cachey::api::s3 {
namespace {

Result<GoodFor> parse_policy(std::string_view text) {
  if (text == "never") return GoodFor::ever();
  if (text == "always") return GoodFor::one_request();
  const std::optional<uint64_t> seconds = parse_number<uint64_t>(text);
  const auto most = static_cast<uint64_t>(GoodFor::kMax.count());
  if (!seconds || *seconds == 0 || *seconds > most) {
    return fail(
        ErrorKind::kBadRequest,
        fmt::format("the policy after = must be never, always or whole seconds from 1 to {}",
                    most));
  }
  return GoodFor{std::chrono::seconds(*seconds)};
}

/// With any other byte the glob would match no bucket.
bool may_be_in_bucket_glob(char c) {
  return is_alphanumeric(c) || std::string_view(".-_*?").contains(c);
}

Result<BucketGlob> parse_glob(std::string_view what, std::string_view text) {
  Result<BucketGlob> glob = BucketGlob::parse(text);
  if (!glob)
    return fail(ErrorKind::kBadRequest, fmt::format("{} {}", what, glob.error().message()));
  return glob;
}

}  // namespace

Result<RevalidateRule> RevalidateRule::parse(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorKind::kBadRequest, "must be BUCKETGLOB=POLICY or BUCKETGLOB/KEYGLOB=POLICY");
  }
  const std::string_view names = text.substr(0, equals);
  const size_t slash = names.find('/');
  if (!std::ranges::all_of(names.substr(0, slash), may_be_in_bucket_glob)) {
    return fail(ErrorKind::kBadRequest,
                "the bucket's glob may have letters, digits and . - _ * ? (and no s3:); one value "
                "takes one policy");
  }
  Result<BucketGlob> bucket = parse_glob("the bucket's glob", names.substr(0, slash));
  if (!bucket) return std::unexpected(std::move(bucket.error()));
  std::optional<BucketGlob> key;
  if (slash != std::string_view::npos) {
    Result<BucketGlob> glob = parse_glob("the key's glob", names.substr(slash + 1));
    if (!glob) return std::unexpected(std::move(glob.error()));
    key = std::move(*glob);
  }
  Result<GoodFor> good_for = parse_policy(text.substr(equals + 1));
  if (!good_for) return std::unexpected(std::move(good_for.error()));
  return RevalidateRule(std::move(*bucket), std::move(key), *good_for);
}

std::string RevalidateRule::text() const {
  std::string text = bucket_.text();
  if (key_) text += "/" + key_->text();
  if (good_for_ == GoodFor::ever()) return text + "=never";
  if (good_for_ == GoodFor::one_request()) return text + "=always";
  return fmt::format("{}={}", text, good_for_.time.count());
}

RevalidateRules::RevalidateRules(std::vector<RevalidateRule> rules) : rules_(std::move(rules)) {
  CHECK(rules_.size() <= kRulesMax);
}

GoodFor RevalidateRules::of(std::string_view bucket, std::string_view key) const {
  for (const RevalidateRule& rule : rules_) {
    if (rule.matches(bucket, key)) return rule.good_for();
  }
  return kDefault;
}

}  // namespace cachey::api::s3
