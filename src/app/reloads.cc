#include "app/reloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "app/options/exposure.h"
#include "app/options/options.h"
#include "app/secret_files.h"
#include "base/log.h"

namespace cachey::app {
namespace {

/// Options that a reload reads again. SIGHUP also reads again the files that options name.
constexpr std::array<std::string_view, 5> kReloaded = {"allow-bucket", "log-level", "pin",
                                                       "pin-limit", "s3api-revalidate"};

std::string value_of(const Options& options, std::string_view name) {
  const auto found = std::ranges::find(options.values, name, &OptionValues::name);
  return found->values.front();
}

/// True if a name that one of the patterns `before` matches may be matched by none of `allowed`. No
/// pattern allows all names.
bool may_forbid(const std::vector<std::string>& before,
                const std::vector<api::BucketGlob>& allowed) {
  const auto is_covered = [&allowed](std::string_view text) {
    return std::ranges::any_of(allowed, [text](const auto& glob) { return glob.covers(text); });
  };
  if (allowed.empty()) return false;
  return before.empty() ? !is_covered("*") : !std::ranges::all_of(before, is_covered);
}

/// Warns, as at the start, of what is open with these patterns.
void tell_open_buckets(const Options& started_with, std::vector<api::BucketGlob> allowed) {
  Options in_force = started_with;
  in_force.allow_bucket = std::move(allowed);
  std::vector<std::string> warnings;
  warn_of_open_buckets(in_force, warnings);
  for (const std::string& warning : warnings) log::warn("options", {{"text", warning}});
}

/// `same` or `new`. `forget_memory` is called if a bucket may be forbidden that was allowed before.
Result<std::string> take_allowed_buckets(const std::vector<api::BucketGlob>& allowed,
                                         api::BucketRules& rules,
                                         const std::function<void()>& forget_memory) {
  const std::vector<std::string> before = rules.allowed();
  std::vector<std::string> after;
  for (const api::BucketGlob& glob : allowed) after.push_back(glob.text());
  if (before == after) return std::string("same");
  if (const std::optional<std::string> bucket = rules.declared_but_not_by(allowed)) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("allow-bucket does not allow {}, a bucket of a kind that is declared "
                            "until a restart",
                            log::quoted(*bucket)));
  }
  if (!rules.replace_allowed(allowed))
    return fail(ErrorKind::kBadRequest, "allow-bucket was changed too often: a restart is needed");
  if (may_forbid(before, allowed)) forget_memory();
  return std::string("new");
}

}  // namespace

Result<std::string> reload_options(const Options& started_with, api::BucketRules& rules,
                                   const std::function<void()>& forget_memory,
                                   const std::function<void(const Options&)>& take_pins) {
  Result<Options> now = read_options_again(started_with);
  if (!now) return std::unexpected(std::move(now.error()));
  Result<std::string> buckets = take_allowed_buckets(now->allow_bucket, rules, forget_memory);
  if (!buckets) return buckets;
  log::set_level(now->log_level);
  take_pins(*now);
  if (*buckets == "new") tell_open_buckets(started_with, now->allow_bucket);
  std::string rest;
  for (const std::string& name : changed_options(started_with, *now)) {
    if (std::ranges::find(kReloaded, name) == kReloaded.end())
      rest += (rest.empty() ? "" : ", ") + name;
  }
  if (!rest.empty())
    log::warn("options changed in the config file need a restart", {{"options", rest}});
  return fmt::format("log_level={} allow_bucket={} pins={}", value_of(*now, "log-level"), *buckets,
                     now->pin.size());
}

Result<std::string> reload_tokens(const std::string& path, api::Access& access,
                                  api::ClientLimiter& limiter) {
  Result<api::Tokens> tokens = read_token_file(path);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  std::string done = "tokens=" + std::to_string(tokens->size());
  access.replace_tokens(std::move(*tokens));
  limiter.replace_token_limits(access.token_limits());
  return done;
}

Result<std::string> reload_admin_tokens(const Options& options, api::Access& access) {
  Result<api::Tokens> tokens = read_admin_token_file(options.admin_tokens_file);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  std::string done = "tokens=" + std::to_string(tokens->size());
  access.replace_admin_tokens(std::move(*tokens));
  return done;
}

Result<std::string> reload_keys(const std::string& path, api::s3::Endpoint& s3api) {
  Result<api::s3::AccessKeys> keys = read_key_file(path);
  if (!keys) return std::unexpected(std::move(keys.error()));
  std::string done = "keys=" + std::to_string(keys->size());
  s3api.replace_keys(std::move(*keys));
  return done;
}

Result<std::string> reload_rules(const std::string& config_file, api::s3::Endpoint& s3api) {
  Result<std::vector<api::s3::RevalidateRule>> rules = read_revalidate_again(config_file);
  if (!rules) return std::unexpected(std::move(rules.error()));
  std::string done = "rules=" + std::to_string(rules->size());
  s3api.replace_rules(api::s3::RevalidateRules(std::move(*rules)));
  return done;
}

Result<std::string> reload_tls(net::tls::Contexts& tls) {
  Result<net::tls::Contexts::Change> change = tls.reload();
  if (!change) return std::unexpected(std::move(change.error()));
  const auto word = [](bool is_new) { return is_new ? "new" : "same"; };
  return fmt::format("certificate={} client_ca={}", word(change->certificate),
                     word(change->authorities));
}

Result<std::string> reopen(api::AccessLog& access_log, const std::string& path) {
  Result<void> reopened = access_log.reopen();
  if (!reopened) return std::unexpected(std::move(reopened.error()));
  return path;
}

}  // namespace cachey::app
