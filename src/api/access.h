#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bucket_rules.h"
#include "api/client.h"
#include "api/tokens.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/http/http.h"

namespace cachey::api {

class Access;

/// What a route asks of its clients.
enum class Scope : uint8_t {
  kOpen,    ///< nothing; the route reads no object
  kAnyone,  ///< nothing; the route reads objects, by --s3api-open
  kClient,  ///< one of the accepted tokens, if there are any
  kHolder,  ///< one of the admin tokens; without such tokens nobody may use the route
};

/// Buckets that a request may read. Only a Permit makes one. Code that makes a FetchSpec takes the
/// buckets in this form, so that no request skips the check.
class AllowedBuckets {
 public:
  [[nodiscard]] std::vector<std::string>&& take() && { return std::move(names_); }

 private:
  friend class Permit;
  explicit AllowedBuckets(std::vector<std::string>&& names) : names_(std::move(names)) {}

  std::vector<std::string> names_;
};

/// The decision that a request may use its route. Only Access makes one, and outlives it.
class Permit {
 public:
  /// Returns `buckets`, those that a request for this object names, if the rules allow each of
  /// them; if the request names none, the kind's own. Otherwise kDenied, with the forbidden name;
  /// the refusal is counted. If there are rules, a key with a dot segment is refused too, because a
  /// store may look for the key in another bucket. A permit for kOpen always returns kDenied.
  [[nodiscard]] Result<AllowedBuckets> allow(std::string_view kind, std::string_view object,
                                             std::vector<std::string>&& buckets) const;
  /// The token of the request, a number of Access::token_names(); 0: the route needs none.
  [[nodiscard]] uint32_t token() const { return token_; }
  /// The token's name, for logs; empty: the route needs none.
  [[nodiscard]] std::string token_name() const;
  /// The client behind the request, by its token or, without one, by its address.
  [[nodiscard]] std::string client(const net::Request& request) const {
    return token_ == 0 ? client_of_address(request.client_address()) : client_of_token(token_);
  }
  /// Whether allow() would return `buckets` of this kind. Nothing is counted.
  [[nodiscard]] bool would_allow(std::string_view kind, std::vector<std::string>&& buckets) const;

 private:
  friend class Access;
  Permit(Access& access, Scope scope, uint32_t token = 0)
      : access_(&access), scope_(scope), token_(token) {}

  [[nodiscard]] Result<void> check(std::string_view kind, std::string_view object,
                                   std::span<const std::string> buckets) const;

  Access* access_;
  Scope scope_;
  uint32_t token_;
};

/// Decides which requests may use a route and which buckets a request may read. No other place
/// decides. Costs next to nothing without tokens and rules. Owned by Process; outlives the routes.
/// Any thread.
class Access {
 public:
  /// No `tokens`: requests need none. No `admin_tokens`: nobody may use the routes of kHolder.
  Access(Metrics& metrics, std::optional<Tokens> tokens, BucketRules rules,
         std::optional<Tokens> admin_tokens = std::nullopt);

  /// The new set replaces the old set at once. REQUIRES: constructed with such tokens.
  void replace_tokens(Tokens tokens);
  void replace_admin_tokens(Tokens tokens);

  /// False: nobody may use routes of this scope.
  [[nodiscard]] bool may_admit(Scope scope) const {
    return scope != Scope::kHolder || has_admin_tokens_;
  }

  /// Nothing if `scope` needs a token and the request has no accepted one in its single field
  /// `Authorization: Bearer TOKEN`. The refusal is counted.
  [[nodiscard]] std::optional<Permit> admit(Scope scope, const net::Request& request) {
    if (scope == Scope::kHolder) return admit_holder(request);
    if (scope == Scope::kClient && needs_token_) return admit_client(request);
    return Permit(*this, scope);
  }

  /// The limits that the tokens of clients have of their own, by client (api/client.h).
  [[nodiscard]] std::map<std::string, ClientLimits, std::less<>> token_limits() EXCLUDES(mutex_);

  /// Of both kinds of tokens.
  [[nodiscard]] const TokenNames& token_names() const { return token_names_; }

 private:
  friend class Permit;

  /// The tokens of a file with the number of each one's name.
  struct NamedTokens {
    Tokens tokens;
    std::vector<uint32_t> numbers;
  };
  using SharedTokens = std::shared_ptr<const NamedTokens>;
  [[nodiscard]] SharedTokens named(Tokens tokens);
  [[nodiscard]] std::optional<Permit> admit_client(const net::Request& request);
  [[nodiscard]] std::optional<Permit> admit_holder(const net::Request& request);
  [[nodiscard]] uint32_t find_token(const net::Request& request, const SharedTokens& among);
  [[nodiscard]] Result<void> check(std::string_view kind, std::string_view object,
                                   std::span<const std::string> buckets);

  const bool needs_token_;
  const bool has_admin_tokens_;
  const BucketRules rules_;
  const Counter denied_by_token_;
  const Counter denied_by_bucket_;
  const Counter denied_by_kind_;
  const Counter denied_by_kind_bucket_;
  const Counter denied_by_key_;
  TokenNames token_names_;
  Mutex mutex_;
  SharedTokens tokens_ GUARDED_BY(mutex_);
  SharedTokens admin_tokens_ GUARDED_BY(mutex_);
};

inline std::string Permit::token_name() const { return access_->token_names().name_of(token_); }

inline Result<AllowedBuckets> Permit::allow(std::string_view kind, std::string_view object,
                                            std::vector<std::string>&& buckets) const {
  if (buckets.empty()) access_->rules_.add_buckets_of(kind, buckets);
  if (scope_ == Scope::kOpen || !access_->rules_.empty()) {
    Result<void> checked = check(kind, object, buckets);
    if (!checked) return std::unexpected(std::move(checked.error()));
  }
  return AllowedBuckets(std::move(buckets));
}

}  // namespace cachey::api
