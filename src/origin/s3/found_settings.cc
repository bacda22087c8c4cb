#include "origin/s3/found_settings.h"

#include <fmt/format.h>

#include "origin/credentials/credentials_provider.h"
#include "origin/credentials/instance_region.h"

namespace cachey::origin {
namespace {

/// A failed look-up is neither a failure of the store nor its refusal, but our configuration:
/// kRefused. A timeout of the request's own deadline (`in_time` is false) stays kTimeout, and a
/// search that goes on stays kOverloaded.
Error our_own(const Error& error, ErrorCause cause, bool in_time) {
  const bool out_of_time = error.kind() == ErrorKind::kTimeout && !in_time;
  const bool may_pass = out_of_time || error.kind() == ErrorKind::kOverloaded;
  return {may_pass ? error.kind() : ErrorKind::kRefused, error.message(), cause};
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
                      fmt::format("{} ({})", kMissing, found.error().message()));
  const bool in_time = worker.timers().now() < deadline;
  co_return std::unexpected(our_own(missing, ErrorCause::kNoRegion, in_time));
}

rt::Task<Result<aws::CredentialsPtr>> find_credentials(const S3Config& config, rt::Worker& worker,
                                                       MonoTime deadline) {
  if (config.anonymous) co_return nullptr;
  if (!config.credentials)
    co_return fail(ErrorKind::kRefused, "no credentials", ErrorCause::kNoCredentials);
  Result<aws::CredentialsPtr> found = co_await config.credentials->get(worker, deadline);
  if (found) co_return found;
  const bool in_time = worker.timers().now() < deadline;
  co_return std::unexpected(our_own(found.error(), ErrorCause::kNoCredentials, in_time));
}

rt::Task<void> find_settings_early(const S3Config& config, rt::Worker& worker) {
  const Result<std::string> region = co_await find_region(config, worker, MonoTime::max());
  const Result<aws::CredentialsPtr> found =
      co_await find_credentials(config, worker, MonoTime::max());
}

}  // namespace cachey::origin
