#pragma once

#include <functional>
#include <string>

#include "api/access.h"
#include "api/access_log.h"
#include "api/bucket_rules.h"
#include "api/s3/endpoint.h"
#include "app/options/options.h"
#include "base/error.h"
#include "net/tls/context.h"

/// What SIGHUP reads again. Each function replaces one thing that is in use, and returns a text
/// about the result for the log. After an error the old thing stays in use. Main's thread; they
/// block.
namespace cachey::app {

/// Reads all options again. Takes those that may change while the server runs: the log's level, the
/// allowed buckets, the pins. Logs the names of other options that have other values now: these
/// need a restart.
[[nodiscard]] Result<std::string> reload_options(
    const Options& started_with, api::BucketRules& rules,
    const std::function<void()>& forget_memory,
    const std::function<void(const Options&)>& take_pins);
[[nodiscard]] Result<std::string> reload_tokens(const std::string& path, api::Access& access,
                                                api::ClientLimiter& limiter);
[[nodiscard]] Result<std::string> reload_admin_tokens(const Options& options, api::Access& access);
[[nodiscard]] Result<std::string> reload_keys(const std::string& path, api::s3::Endpoint& s3api);
[[nodiscard]] Result<std::string> reload_rules(const std::string& config_file,
                                               api::s3::Endpoint& s3api);
[[nodiscard]] Result<std::string> reload_tls(net::tls::Contexts& tls);
[[nodiscard]] Result<std::string> reopen(api::AccessLog& access_log, const std::string& path);

}  // namespace cachey::app
