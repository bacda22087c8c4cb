#include "api/s3/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "api/s3/overrides.h"
#include "aws/date.h"
#include "base/ascii.h"
#include "base/check.h"

namespace cachey::api::s3 {
namespace {

using aws::SignatureFault;

/// `20260102T030405Z` as `2026-01-02T03:04:05Z`.
std::string iso_date(int64_t unix_seconds) {
  std::string text = aws::amz_date(unix_seconds);
  text.insert(13, ":").insert(11, ":").insert(6, "-").insert(4, "-");
  return text;
}

/// `41 57 53`.
std::string bytes_as_text(std::string_view text) {
  std::string bytes;
  for (const char c : text) {
    if (!bytes.empty()) bytes += ' ';
    bytes += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return bytes;
}

std::string shown(std::string_view text) { return std::string(text.substr(0, kShownTextBytesMax)); }

/// A name or address without its port.
std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && std::ranges::all_of(host.substr(colon + 1), is_digit);
  return has_port && !host.substr(0, colon).ends_with(':') ? host.substr(0, colon) : host;
}

bool has_overrides(const Target& target) {
  const auto overrides = ResponseOverrides::parse(target.parameters);
  return !overrides || !overrides->empty();
}

void explain_mismatch(const aws::SignatureFailure& failure, Refusal& refusal) {
  const auto add = [&refusal](const char* name, std::string_view text) {
    refusal.details.push_back({name, shown(text)});
  };
  add("AWSAccessKeyId", failure.access_key_id);
  add("StringToSign", failure.string_to_sign);
  add("SignatureProvided", failure.signature);
  refusal.details.push_back({"StringToSignBytes", bytes_as_text(shown(failure.string_to_sign))});
  if (failure.canonical_request.empty()) return;
  add("CanonicalRequest", failure.canonical_request);
  refusal.details.push_back(
      {"CanonicalRequestBytes", bytes_as_text(shown(failure.canonical_request))});
}

}  // namespace

std::vector<std::string> hosts_before_proxy(std::string_view came,
                                            const std::vector<std::string>& external) {
  std::vector<std::string> hosts;
  const std::string_view name_that_came = without_port(came);
  const std::string lower = lower_case(name_that_came);
  for (const std::string& host : external) {
    hosts.push_back(host);
    const std::string_view name = without_port(host);
    if (lower.size() > name.size() && lower.ends_with(name) &&
        lower[lower.size() - name.size() - 1] == '.') {
      hosts.push_back(std::string(name_that_came) + host.substr(name.size()));
    }
  }
  return hosts;
}

Refusal refusal_of(const aws::SignatureFailure& failure, const Target& target,
                   int64_t unix_seconds) {
  if (failure.fault == SignatureFault::kMissing && has_overrides(target)) {
    return Refusal::of(
        "InvalidRequest",
        "Request specific response headers cannot be used for anonymous GET requests.");
  }
  Refusal refusal{.code = &aws::error_code_of(failure.fault),
                  .message = failure.message.empty() ? std::string(aws::message_of(failure.fault))
                                                     : failure.message};
  switch (failure.fault) {
    case SignatureFault::kUnknownKey:
      refusal.details.push_back({"AWSAccessKeyId", shown(failure.access_key_id)});
      break;
    case SignatureFault::kDoesNotMatch:
      explain_mismatch(failure, refusal);
      break;
    case SignatureFault::kTooSkewed:
      refusal.details = {
          {"RequestTime", aws::amz_date(failure.time)},
          {"ServerTime", iso_date(unix_seconds)},
          {"MaxAllowedSkewMilliseconds", std::to_string(1000 * aws::SignatureChecker::kSkewMax)}};
      break;
    case SignatureFault::kExpired:
      if (!failure.detail.empty()) refusal.details.push_back({"X-Amz-Expires", failure.detail});
      refusal.details.push_back({"Expires", iso_date(failure.time)});
      refusal.details.push_back({"ServerTime", iso_date(unix_seconds)});
      break;
    case SignatureFault::kHeaderNotSigned:
      refusal.details.push_back({"HeadersNotSigned", shown(failure.detail)});
      break;
    default:
      break;
  }
  return refusal;
}

Clients::Clients(std::optional<AccessKeys> keys, std::vector<std::string> external_hosts,
                 size_t workers, const Clock& clock)
    : open_(!keys), clock_(clock), external_hosts_(std::move(external_hosts)) {
  CHECK(external_hosts_.size() <= kExternalHostsMax);
  if (open_) return;
  for (size_t i = 0; i < workers; ++i) of_workers_.push_back(std::make_unique<OfWorker>());
  replace_keys(std::move(*keys));
}

void Clients::replace_keys(AccessKeys keys) {
  CHECK(!open_);
  auto fresh = std::make_shared<const AccessKeys>(std::move(keys));
  const MutexLock lock(mutex_);
  keys_.swap(fresh);  // the old ones die without the lock
  version_.fetch_add(1, std::memory_order_release);
}

Clients::OfWorker& Clients::state_of(const rt::Worker& worker) {
  CHECK(worker.index() < of_workers_.size());
  OfWorker& state = *of_workers_[worker.index()];
  if (state.version == version_.load(std::memory_order_acquire)) return state;
  std::shared_ptr<const AccessKeys> fresh;
  {
    const MutexLock lock(mutex_);
    fresh = keys_;
    state.version = version_.load(std::memory_order_relaxed);
  }
  state.keys = std::move(fresh);
  state.checker.emplace(aws::SigningScope());  // any region
  return state;
}

std::expected<GrantPtr, Refusal> Clients::admit(rt::Worker& worker, const net::Request& request,
                                                const Target& target, const VirtualHosts& hosts) {
  if (open_) return GrantPtr(GrantPtr(), &all_);  // no owner, so that no counter is shared
  OfWorker& state = state_of(worker);
  const std::string_view path = request.target().substr(0, request.target().find('?'));
  std::vector<aws::HeaderView> headers;
  headers.reserve(request.fields().size());
  for (const net::Field& field : request.fields()) headers.push_back({field.name, field.value});
  const std::string_view host = request.field("host").value_or("");
  const std::optional<std::string> bucket_of_host = hosts.bucket_of(host);
  std::vector<std::string> other_hosts;
  if (!external_hosts_.empty()) {
    other_hosts = hosts_before_proxy(host, external_hosts_);
    // With another bucket in the host, the same path is another object.
    std::erase_if(other_hosts, [&](const std::string& other) {
      return hosts.bucket_of(other) != bucket_of_host;
    });
  }
  std::shared_ptr<const AccessKey> found;
  const auto look_up = [&](std::string_view id) {
    found = state.keys->find(id);
    return found == nullptr ? nullptr : &found->credentials;
  };
  const int64_t now = clock_.unix_seconds();
  const auto checked =
      state.checker->check({.method = request.method_name(),
                            .path = path,
                            .query = target.parameters,
                            .headers = headers,
                            .bucket_of_host = bucket_of_host ? target.bucket : std::string_view(),
                            .other_hosts = other_hosts},
                           look_up, now);
  if (!checked) return std::unexpected(refusal_of(checked.error(), target, now));
  const Grant* const grant = &found->grant;
  return GrantPtr(std::move(found), grant);
}

}  // namespace cachey::api::s3
