#include "origin/credentials/instance_region.h"

#include <utility>

#include "aws/partition.h"
#include "base/log.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {
namespace {

constexpr const char* kRegionPath = "/latest/meta-data/placement/region";

}  // namespace

rt::Task<Result<std::string>> InstanceRegion::get(rt::Worker& worker, MonoTime deadline) {
  Result<std::string> known = found();
  if (known) co_return known;
  const std::shared_ptr<InstanceRegion> self = shared_from_this();
  if (search_due() && flight_.begin()) worker.tasks().spawn(search(self, worker));
  const bool in_time = co_await flight_.wait(worker, deadline);
  if (!in_time)
    co_return fail(ErrorKind::kTimeout, "the search for the instance's region takes too long");
  co_return found();
}

bool InstanceRegion::search_due() {
  const MutexLock lock(mutex_);
  return region_.empty() && services_.clock.mono() >= next_search_;
}

Result<std::string> InstanceRegion::found() {
  const MutexLock lock(mutex_);
  if (!region_.empty()) return region_;
  return fail(ErrorKind::kUpstream, reason_);
}

rt::Task<void> InstanceRegion::search(std::shared_ptr<InstanceRegion> self, rt::Worker& worker) {
  // Another search may have ended after get() asked whether one is due and before this one began.
  if (self->search_due()) {
    ProviderResult<std::string> found = co_await self->ask_instance(worker);
    self->keep(std::move(found));
  }
  self->flight_.end();
}

rt::Task<ProviderResult<std::string>> InstanceRegion::ask_instance(rt::Worker& worker) {
  CredentialSearch search(worker, services_, worker.timers().now() + kRegionSearchLimit);
  const auto load = [this] { return load_profile(services_.environment, services_.read_file); };
  Result<Profile> profile = co_await services_.blocking.run(load);
  const ProviderResult<EndpointUrl> url =
      resolve_instance_endpoint(services_.environment, profile ? *profile : Profile());
  if (!url) co_return std::unexpected(url.error());
  ProviderResult<std::string> region =
      co_await metadata_.fetch(search, *url, kRegionPath, "it does not say which region it is in");
  if (!region) co_return region;
  while (region->ends_with('\n') || region->ends_with('\r')) region->pop_back();
  if (aws::is_region(*region)) co_return region;
  co_return provider_failed(Error(
      ErrorKind::kUpstream, instance_name(*url) + " names a region " + log::quoted(*region, 64)));
}

void InstanceRegion::keep(ProviderResult<std::string> found) {
  const MutexLock lock(mutex_);
  if (found) {
    region_ = std::move(*found);
    log::info("region found", {{"region", region_}, {"source", "the instance's metadata"}});
    return;
  }
  reason_ = found.error().error.message();
  next_search_ = services_.clock.mono() + kRegionFailureKept;
  log::warn("no region: requests to S3 fail; set AWS_REGION", {{"reason", reason_}});
}

}  // namespace cachey::origin
