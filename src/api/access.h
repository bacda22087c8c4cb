#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/bucket_glob.h"
#include "api/tokens.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/http/http.h"

namespace cachey::api {

/// Who may ask, and for which buckets. Costs nothing where neither is limited. Owned by main,
/// outlives the routes. Any thread.
class Access {
 public:
  /// Without `tokens` nobody needs one; without `buckets` all may be asked for.
  Access(Metrics& metrics, std::optional<Tokens> tokens, std::vector<BucketGlob> buckets);

  /// From now on these are accepted and no others. REQUIRES: made with tokens.
  void replace_tokens(Tokens tokens);

  /// Whether the request carries what `Authorization: Bearer` must carry. Counts refusals.
  [[nodiscard]] bool admits(const net::Request& request) {
    return !needs_token_ || has_token(request);
  }

  /// kDenied, naming the bucket, where one of them must not be asked for. Counts refusals.
  [[nodiscard]] Result<void> check_buckets(std::span<const std::string> buckets) {
    if (allowed_.empty()) return {};
    return check_each(buckets);
  }

 private:
  [[nodiscard]] bool has_token(const net::Request& request);
  [[nodiscard]] Result<void> check_each(std::span<const std::string> buckets);

  const bool needs_token_;
  const std::vector<BucketGlob> allowed_;
  const Counter denied_by_token_;
  const Counter denied_by_bucket_;
  Mutex mutex_;
  std::shared_ptr<const Tokens> tokens_ GUARDED_BY(mutex_);
};

}  // namespace cachey::api
