#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"
#include "api/tokens.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/http/http.h"

namespace cachey::api {

class Access;

/// What a route asks of its clients.
enum class Scope : uint8_t {
  kOpen,    ///< nothing; such a route reads no object
  kClient,  ///< one of the accepted tokens, if there are any
};

/// Buckets that a request may read. Only a Permit makes one, so that no object is asked for without
/// the decision.
class AllowedBuckets {
 public:
  [[nodiscard]] std::vector<std::string>&& take() && { return std::move(names_); }

 private:
  friend class Permit;
  explicit AllowedBuckets(std::vector<std::string>&& names) : names_(std::move(names)) {}

  std::vector<std::string> names_;
};

/// The decision that a request may use its route. Only Access makes one. Refers to the Access.
class Permit {
 public:
  /// If the request may read each of `buckets`: these. Else kDenied, which names the first bucket
  /// that it may not read; counts the refusal. Always kDenied under kOpen.
  [[nodiscard]] Result<AllowedBuckets> allow(std::vector<std::string>&& buckets) const;

 private:
  friend class Access;
  Permit(Access& access, Scope scope) : access_(&access), scope_(scope) {}

  [[nodiscard]] Result<void> check_each(std::span<const std::string> buckets) const;

  Access* access_;
  Scope scope_;
};

/// Decides, in one place, which requests may use a route and which buckets they may read. Costs
/// nothing if neither is limited. Owned by main, outlives the routes. Any thread.
class Access {
 public:
  /// Without `tokens` no request needs one; with no `buckets` all may be read.
  Access(Metrics& metrics, std::optional<Tokens> tokens, std::vector<BucketGlob> buckets);

  /// From now on these are accepted and no others. REQUIRES: made with tokens.
  void replace_tokens(Tokens tokens);

  /// Nothing if the request lacks the token that `scope` asks for, as `Authorization: Bearer
  /// TOKEN`; counts the refusal.
  [[nodiscard]] std::optional<Permit> admit(Scope scope, const net::Request& request) {
    if (scope != Scope::kOpen && needs_token_ && !has_token(request)) return std::nullopt;
    return Permit(*this, scope);
  }

 private:
  friend class Permit;

  [[nodiscard]] bool has_token(const net::Request& request);
  [[nodiscard]] Result<void> check_each(std::span<const std::string> buckets);

  const bool needs_token_;
  const std::vector<BucketGlob> allowed_;
  const Counter denied_by_token_;
  const Counter denied_by_bucket_;
  Mutex mutex_;
  std::shared_ptr<const Tokens> tokens_ GUARDED_BY(mutex_);
};

inline Result<AllowedBuckets> Permit::allow(std::vector<std::string>&& buckets) const {
  if (scope_ == Scope::kOpen || !access_->allowed_.empty()) {
    Result<void> checked = check_each(buckets);
    if (!checked) return std::unexpected(std::move(checked.error()));
  }
  return AllowedBuckets(std::move(buckets));
}

}  // namespace cachey::api
