#include "origin/s3/found_settings.h"

#include <fmt/format.h>

#include "origin/credentials/credentials_provider.h"
#include "origin/credentials/instance_region.h"
#include "origin/finality.h"

namespace cachey::origin {
namespace {

/// A failed look-up is no failure of the store: such an error becomes kRefused. A timeout of the
/// request's own deadline (`in_time` is false) stays kTimeout.
Error without_blame(const Error& error, bool in_time) {
  const bool out_of_time = error.kind() == ErrorKind::kTimeout && !in_time;
  if (out_of_time || !is_store_failure(error.kind())) return error;
  return {ErrorKind::kRefused, error.message(), error.cause()};
}

}  // namespace

rt::Task<Result<std::string>> find_region(const S3Config& config, rt::Worker& worker,
                                          MonoTime deadline) {
  constexpr const char* kMissing =
      "a region must be set when sending requests to S3: set AWS_REGION";
  if (!config.region.empty()) co_return config.region;
  if (!config.instance_region) co_return fail(ErrorKind::kRefused, kMissing, ErrorCause::kNoRegion);
  Result<std::string> found = co_await config.instance_region->get(worker, deadline);
  if (found) co_return found;
  const Error missing(found.error().kind(),
                      fmt::format("{} ({})", kMissing, found.error().message()),
                      ErrorCause::kNoRegion);
  co_return std::unexpected(without_blame(missing, worker.timers().now() < deadline));
}

rt::Task<Result<aws::CredentialsPtr>> find_credentials(const S3Config& config, rt::Worker& worker,
                                                       MonoTime deadline) {
  if (config.anonymous) co_return nullptr;
  if (!config.credentials)
    co_return fail(ErrorKind::kDenied, "no credentials", ErrorCause::kNoCredentials);
  Result<aws::CredentialsPtr> found = co_await config.credentials->get(worker, deadline);
  if (found) co_return found;
  co_return std::unexpected(without_blame(found.error(), worker.timers().now() < deadline));
}

rt::Task<void> find_settings_early(const S3Config& config, rt::Worker& worker) {
  const Result<std::string> region = co_await find_region(config, worker, MonoTime::max());
  const Result<aws::CredentialsPtr> found =
      co_await find_credentials(config, worker, MonoTime::max());
}

}  // namespace cachey::origin
