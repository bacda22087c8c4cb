#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/mutex.h"
#include "origin/credentials/instance_metadata.h"
#include "origin/credentials/provider_result.h"
#include "origin/credentials/search.h"
#include "rt/single_flight.h"

namespace cachey::origin {

/// A search for the region takes no longer.
inline constexpr std::chrono::milliseconds kRegionSearchLimit{5000};
/// Where it has failed, nobody is asked again for so long.
inline constexpr std::chrono::seconds kRegionFailureKept{10};

/// The region of the EC2 instance that the process runs on, for where neither the environment nor
/// the profile names one: asked for when first needed, by one search for all workers, and kept. A
/// search is a task of the worker whose request began it, and goes on when that has ended. Any
/// thread.
class InstanceRegion final : public std::enable_shared_from_this<InstanceRegion> {
 public:
  explicit InstanceRegion(CredentialServices services) : services_(std::move(services)) {}

  /// At once where it is known. kUpstream where it cannot be found, with the reason; kTimeout past
  /// `deadline`.
  [[nodiscard]] rt::Task<Result<std::string>> get(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<void> search(std::shared_ptr<InstanceRegion> self, rt::Worker& worker);
  [[nodiscard]] rt::Task<ProviderResult<std::string>> ask_instance(rt::Worker& worker);
  [[nodiscard]] bool search_due() EXCLUDES(mutex_);
  [[nodiscard]] Result<std::string> found() EXCLUDES(mutex_);
  void keep(ProviderResult<std::string> found) EXCLUDES(mutex_);

  const CredentialServices services_;
  InstanceMetadata metadata_;  // of the one search
  rt::SingleFlight flight_;
  Mutex mutex_;
  std::string region_ GUARDED_BY(mutex_);  // empty: not known
  std::string reason_ GUARDED_BY(mutex_);  // why not
  MonoTime next_search_ GUARDED_BY(mutex_){};
};

}  // namespace cachey::origin
