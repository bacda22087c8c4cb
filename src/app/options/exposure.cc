#include "app/options/exposure.h"

#include <algorithm>

namespace cachey::app {
namespace {

bool any_beyond_loopback(const std::vector<ListenOption>& addresses) {
  return std::ranges::any_of(addresses, [](const ListenOption& address) {
    return !address.ip.starts_with("127.") && address.ip != "::1";
  });
}

/// True if clients may fill one kind from several buckets, and nobody said which.
bool buckets_may_mix(const Options& options) {
  const auto& allowed = options.allow_bucket;
  if (allowed.empty() || !options.kinds.empty()) return false;
  return allowed.size() > 1 || allowed.front().text().find_first_of("*?") != std::string::npos;
}

/// True if all clients may read every bucket that the server's credentials open.
bool is_open_to_all(const Options& options) {
  const bool limited = !options.auth_tokens_file.empty() || !options.tls.client_ca_file.empty() ||
                       !options.allow_bucket.empty() ||
                       options.other_kinds == api::OtherKinds::kRefused;
  return !limited && (any_beyond_loopback(options.listen) ||
                      (options.s3api.open && any_beyond_loopback(options.s3api.listen)));
}

bool is_admin_tls(const Options& options) { return options.tls.enabled() && options.admin_tls; }

bool is_admin_open_to_all(const Options& options) {
  const bool limited = !options.auth_tokens_file.empty() ||
                       (is_admin_tls(options) && !options.tls.client_ca_file.empty());
  return !limited && any_beyond_loopback(options.admin_listen);
}

/// True if all clients may read at --listen what monitoring reads, though they may not read all
/// buckets.
bool is_status_open_to_all(const Options& options) {
  const bool limited = !options.auth_tokens_file.empty() || !options.tls.client_ca_file.empty();
  return !limited && (options.admin_listen.empty() || options.ui) &&
         any_beyond_loopback(options.listen) && !is_open_to_all(options);
}

/// True if tokens cross the network in clear text only because of --admin-tls=false.
bool are_tokens_in_clear_text(const Options& options) {
  const bool has_tokens = !options.auth_tokens_file.empty() || !options.admin_tokens_file.empty();
  return has_tokens && options.tls.enabled() && !options.admin_tls &&
         any_beyond_loopback(options.admin_listen);
}

}  // namespace

void warn_of_open_buckets(const Options& options, std::vector<std::string>& warnings) {
  if (is_open_to_all(options)) {
    warnings.emplace_back(
        "all clients that reach this server may read every bucket that it can read; limit that "
        "with --tls-client-ca, --allow-bucket or --kinds declared, for /fetch also with "
        "--auth-tokens, or listen on 127.0.0.1");
  }
  if (buckets_may_mix(options)) {
    warnings.emplace_back(
        "--allow-bucket allows several buckets, and clients may fill any kind from each of them; "
        "say with --kind which buckets a kind has");
  }
}

void warn_of_exposure(const Options& options, std::vector<std::string>& warnings) {
  warn_of_open_buckets(options, warnings);
  if (is_admin_open_to_all(options)) {
    warnings.emplace_back(
        "all clients that reach --admin-listen may read /metrics, /stats and /ui, which name kinds "
        "and buckets; limit that with --auth-tokens, with --tls-client-ca, by a firewall or a "
        "NetworkPolicy, or listen on 127.0.0.1");
  }
  if (is_status_open_to_all(options)) {
    warnings.push_back(std::string("all clients that reach --listen may read ") +
                       (options.admin_listen.empty() ? "/metrics and /stats" : "/ui") +
                       ", which name kinds and buckets; limit that with --auth-tokens or "
                       "--tls-client-ca, or serve them at --admin-listen alone");
  }
  if (are_tokens_in_clear_text(options)) {
    warnings.emplace_back(
        "--admin-tls=false: tokens cross the network to --admin-listen in clear text; listen on "
        "127.0.0.1 there, or leave --admin-tls on");
  }
  if (options.s3api.open && !options.auth_tokens_file.empty()) {
    warnings.emplace_back(
        "--auth-tokens does not hold at --s3api-listen: with --s3api-open every client that "
        "reaches it may read without a token");
  }
  if (std::ranges::any_of(options.trusted_proxies, &net::IpPrefix::has_all)) {
    warnings.emplace_back(
        "--trusted-proxies trusts every address: each client may say that it is another one");
  }
}

}  // namespace cachey::app
