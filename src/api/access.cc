#include "api/access.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "api/names.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/log.h"

namespace cachey::api {
namespace {

Counter denied(Metrics& metrics, const char* reason) {
  return metrics.counter("cachey_access_denied_total",
                         "Requests refused for want of a token, or for their kind, bucket or key",
                         {{"reason", reason}});
}

/// The token of `Bearer TOKEN`. The scheme may be in any case (RFC 9110, 11.1).
std::optional<std::string_view> bearer_token(std::string_view credentials) {
  static constexpr std::string_view kScheme = "bearer ";
  if (credentials.size() <= kScheme.size()) return std::nullopt;
  if (lower_case(credentials.substr(0, kScheme.size())) != kScheme) return std::nullopt;
  credentials.remove_prefix(
      std::min(credentials.find_first_not_of(' ', kScheme.size()), credentials.size()));
  return credentials;
}

}  // namespace

Result<void> Permit::check(std::string_view kind, std::string_view object,
                           std::span<const std::string> buckets) const {
  if (scope_ == Scope::kOpen) return fail(ErrorKind::kDenied, "this path reads no bucket");
  return access_->check(kind, object, buckets);
}

Access::Access(Metrics& metrics, std::optional<Tokens> tokens, BucketRules rules,
               std::optional<Tokens> admin_tokens)
    : needs_token_(tokens.has_value()),
      has_admin_tokens_(admin_tokens.has_value()),
      rules_(std::move(rules)),
      denied_by_token_(denied(metrics, "token")),
      denied_by_bucket_(denied(metrics, "bucket")),
      denied_by_kind_(denied(metrics, "kind")),
      denied_by_kind_bucket_(denied(metrics, "kind_bucket")),
      denied_by_key_(denied(metrics, "key")) {
  if (tokens) replace_tokens(std::move(*tokens));
  if (admin_tokens) replace_admin_tokens(std::move(*admin_tokens));
}

void Access::replace_tokens(Tokens tokens) {
  CHECK(needs_token_);
  SharedTokens fresh = named(std::move(tokens));
  const MutexLock lock(mutex_);
  tokens_ = std::move(fresh);
}

void Access::replace_admin_tokens(Tokens tokens) {
  CHECK(has_admin_tokens_);
  SharedTokens fresh = named(std::move(tokens));
  const MutexLock lock(mutex_);
  admin_tokens_ = std::move(fresh);
}

Access::SharedTokens Access::named(Tokens tokens) {
  std::vector<uint32_t> numbers;
  numbers.reserve(tokens.size());
  for (const Tokens::Holder& holder : tokens.holders())
    numbers.push_back(token_names_.number_of(holder.name));
  return std::make_shared<const NamedTokens>(std::move(tokens), std::move(numbers));
}

std::map<std::string, ClientLimits, std::less<>> Access::token_limits() {
  std::map<std::string, ClientLimits, std::less<>> limits;
  if (!needs_token_) return limits;
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < tokens_->numbers.size(); ++i) {
    const ClientLimits& own = tokens_->tokens.holders()[i].limits;
    if (own != ClientLimits()) limits[client_of_token(tokens_->numbers[i])] = own;
  }
  return limits;
}

std::optional<Permit> Access::admit_client(const net::Request& request) {
  SharedTokens tokens;
  {
    const MutexLock lock(mutex_);
    tokens = tokens_;
  }
  const uint32_t token = find_token(request, tokens);
  if (token == 0) return std::nullopt;
  return Permit(*this, Scope::kClient, token);
}

std::optional<Permit> Access::admit_holder(const net::Request& request) {
  if (!has_admin_tokens_) return std::nullopt;
  SharedTokens tokens;
  {
    const MutexLock lock(mutex_);
    tokens = admin_tokens_;
  }
  const uint32_t token = find_token(request, tokens);
  if (token == 0) return std::nullopt;
  return Permit(*this, Scope::kHolder, token);
}

/// The name's number of the request's token; 0, and counted: it has no accepted one.
uint32_t Access::find_token(const net::Request& request, const SharedTokens& among) {
  const auto is_authorization = [](const net::Field& f) { return f.name == "authorization"; };
  const auto fields = request.fields();
  const auto field = std::ranges::find_if(fields, is_authorization);
  if (field != fields.end() && std::ranges::count_if(fields, is_authorization) == 1) {
    const std::optional<std::string_view> token = bearer_token(field->value);
    const size_t number = token ? among->tokens.find(*token) : 0;
    if (number != 0) return among->numbers[number - 1];
  }
  denied_by_token_.add();
  return 0;
}

bool Permit::would_allow(std::string_view kind, std::vector<std::string>&& buckets) const {
  if (buckets.empty()) access_->rules_.add_buckets_of(kind, buckets);
  return scope_ != Scope::kOpen && std::ranges::none_of(buckets, [&](const std::string& bucket) {
           return access_->rules_.denial(kind, bucket).has_value();
         });
}

Result<void> Access::check(std::string_view kind, std::string_view object,
                           std::span<const std::string> buckets) {
  if (has_dot_segment(object)) {
    denied_by_key_.add();
    return fail(ErrorKind::kDenied, "keys with a . or .. segment may not be asked for here");
  }
  for (const std::string& bucket : buckets) {
    const std::optional<BucketDenial> denial = rules_.denial(kind, bucket);
    if (!denial) continue;
    switch (*denial) {
      case BucketDenial::kKind:
        denied_by_kind_.add();
        return fail(ErrorKind::kDenied,
                    "the kind " + log::quoted(kind) + " may not be asked for here");
      case BucketDenial::kKindBucket:
        denied_by_kind_bucket_.add();
        return fail(ErrorKind::kDenied, "the bucket " + log::quoted(bucket) +
                                            " is none of the kind " + log::quoted(kind));
      case BucketDenial::kBucket:
        denied_by_bucket_.add();
        return fail(ErrorKind::kDenied,
                    "the bucket " + log::quoted(bucket) + " may not be asked for here");
    }
  }
  return {};
}

}  // namespace cachey::api
