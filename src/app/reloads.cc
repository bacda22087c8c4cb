#include "app/reloads.h"

#include <fmt/format.h>

#include <utility>

#include "app/options/options.h"
#include "app/secret_files.h"

namespace cachey::app {

Result<std::string> reload_tokens(const std::string& path, api::Access& access) {
  Result<api::Tokens> tokens = read_token_file(path);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  std::string done = "tokens=" + std::to_string(tokens->size());
  access.replace_tokens(std::move(*tokens));
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
