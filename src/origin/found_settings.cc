#include "origin/found_settings.h"

#include <fmt/format.h>

#include "origin/credentials_provider.h"
#include "origin/instance_region.h"

namespace cachey::origin {

rt::Task<Result<std::string>> find_region(const S3Config& config, rt::Worker& worker,
                                          MonoTime deadline) {
  constexpr const char* kMissing =
      "a region must be set when sending requests to S3: set AWS_REGION";
  if (!config.region.empty()) co_return config.region;
  if (!config.instance_region) co_return fail(ErrorKind::kUpstream, kMissing);
  Result<std::string> found = co_await config.instance_region->get(worker, deadline);
  if (found) co_return found;
  co_return fail(found.error().kind(), fmt::format("{} ({})", kMissing, found.error().message()));
}

rt::Task<Result<CredentialsPtr>> find_credentials(const S3Config& config, rt::Worker& worker,
                                                  MonoTime deadline) {
  if (config.anonymous) co_return nullptr;
  if (!config.credentials) co_return fail(ErrorKind::kDenied, "no credentials");
  Result<CredentialsPtr> found = co_await config.credentials->get(worker, deadline);
  co_return found;
}

rt::Task<void> look_ahead(const S3Config& config, rt::Worker& worker) {
  const Result<std::string> region = co_await find_region(config, worker, MonoTime::max());
  const Result<CredentialsPtr> found = co_await find_credentials(config, worker, MonoTime::max());
}

}  // namespace cachey::origin
