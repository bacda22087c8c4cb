#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"
#include "api/s3/freshness.h"
#include "base/error.h"
#include "base/mutex.h"

namespace cachey::api::s3 {

/// For which objects, and how long an answer of the store is good: `BUCKETGLOB[/KEYGLOB]=POLICY`.
/// POLICY is `never`, `always` or a whole number of seconds, from 1 to a year. Globs as BucketGlob
/// has them, for keys, too: `*` passes over `/`. Immutable.
class RevalidateRule {
 public:
  /// kBadRequest: what is wrong.
  [[nodiscard]] static Result<RevalidateRule> parse(std::string_view text);

  [[nodiscard]] bool matches(std::string_view bucket, std::string_view key) const {
    return bucket_.matches(bucket) && (!key_ || key_->matches(key));
  }
  [[nodiscard]] GoodFor good_for() const { return good_for_; }
  /// As parse() takes it.
  [[nodiscard]] std::string text() const;

 private:
  RevalidateRule(BucketGlob bucket, std::optional<BucketGlob> key, GoodFor good_for)
      : bucket_(std::move(bucket)), key_(std::move(key)), good_for_(good_for) {}

  BucketGlob bucket_;
  std::optional<BucketGlob> key_;  // nothing: every key
  GoodFor good_for_;
};

/// The first rule that matches decides; without any, kDefault does. Immutable. A look-up allocates
/// nothing, and costs a few instructions per byte of the names, for each rule.
class RevalidateRules {
 public:
  static constexpr size_t kRulesMax = 64;
  static constexpr GoodFor kDefault{std::chrono::seconds(5)};

  /// REQUIRES: at most kRulesMax.
  explicit RevalidateRules(std::vector<RevalidateRule> rules = {});

  [[nodiscard]] GoodFor of(std::string_view bucket, std::string_view key) const;
  [[nodiscard]] size_t size() const { return rules_.size(); }

 private:
  std::vector<RevalidateRule> rules_;
};

/// The rules in force. Owned by the endpoint. Any thread.
class CurrentRevalidateRules {
 public:
  explicit CurrentRevalidateRules(RevalidateRules rules) : rules_(std::move(rules)) {}

  [[nodiscard]] GoodFor of(std::string_view bucket, std::string_view key) const EXCLUDES(mutex_) {
    const ReaderLock lock(mutex_);
    return rules_.of(bucket, key);
  }
  /// Requests that begin from now on have the new rules.
  void replace(RevalidateRules rules) EXCLUDES(mutex_) {
    const WriterLock lock(mutex_);
    std::swap(rules_, rules);
  }

 private:
  mutable SharedMutex mutex_;
  RevalidateRules rules_ GUARDED_BY(mutex_);
};

}  // namespace cachey::api::s3
