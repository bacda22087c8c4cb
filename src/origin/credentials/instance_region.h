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

/// The time limit of a search.
inline constexpr std::chrono::milliseconds kRegionSearchLimit{5000};
/// The time between a failed search and the next.
inline constexpr std::chrono::seconds kRegionFailureKept{10};

/// The region of the EC2 instance that the process runs on, used if neither the environment nor the
/// profile names a region. The first get() starts a search for all workers; its result is kept. The
/// search is a task of the worker that called get(), and outlives that request. Any thread.
class InstanceRegion final : public std::enable_shared_from_this<InstanceRegion> {
 public:
  explicit InstanceRegion(CredentialServices services) : services_(std::move(services)) {}

  /// Returns a known region at once. kUpstream, with the reason, if the search failed; kTimeout
  /// past `deadline`.
  [[nodiscard]] rt::Task<Result<std::string>> get(rt::Worker& worker, MonoTime deadline);

 private:
  [[nodiscard]] rt::Task<void> search(std::shared_ptr<InstanceRegion> self, rt::Worker& worker);
  [[nodiscard]] rt::Task<ProviderResult<std::string>> ask_instance(rt::Worker& worker);
  [[nodiscard]] bool search_due() EXCLUDES(mutex_);
  [[nodiscard]] Result<std::string> found() EXCLUDES(mutex_);
  void keep(ProviderResult<std::string> found) EXCLUDES(mutex_);

  const CredentialServices services_;
  InstanceMetadata metadata_;  // used by the running search only
  rt::SingleFlight flight_;
  Mutex mutex_;
  std::string region_ GUARDED_BY(mutex_);  // empty: unknown
  std::string reason_ GUARDED_BY(mutex_);  // why the last search failed
  MonoTime next_search_ GUARDED_BY(mutex_){};
};

}  // namespace cachey::origin
