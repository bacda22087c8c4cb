#pragma once

#include <chrono>
#include <memory>

#include "base/mutex.h"
#include "origin/credentials/credentials_provider.h"
#include "origin/credentials/slot.h"
#include "rt/single_flight.h"

namespace cachey::origin {

/// Searches for credentials. One search at a time; each may run on another worker.
class CredentialFinder {
 public:
  CredentialFinder() = default;
  virtual ~CredentialFinder() = default;
  CredentialFinder(const CredentialFinder&) = delete;
  CredentialFinder& operator=(const CredentialFinder&) = delete;

  /// Never null. Ends at `deadline` or shortly after.
  [[nodiscard]] virtual rt::Task<Result<aws::CredentialsPtr>> find(rt::Worker& worker,
                                                                   MonoTime deadline) = 0;
};

/// The time limit of a search, and of a request's wait for one.
inline constexpr std::chrono::milliseconds kCredentialSearchLimit{5000};

/// The process's credentials. The first get() starts a search; a later get() starts the next search
/// before they expire, and requests use the old credentials meanwhile. There is one search at a
/// time, a task of the worker that called get(); the search outlives that request. CredentialSlot
/// has the times. Any thread.
class CredentialCache final : public CredentialsProvider,
                              public std::enable_shared_from_this<CredentialCache> {
 public:
  /// `clock` and `random` outlive the cache.
  CredentialCache(std::unique_ptr<CredentialFinder> finder, const Clock& clock, Random& random)
      : finder_(std::move(finder)), slot_(clock, random) {}

  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker, MonoTime deadline) override;
  bool replace(const aws::Credentials& used) override;

 private:
  [[nodiscard]] rt::Task<void> search(std::shared_ptr<CredentialCache> self, rt::Worker& worker);
  [[nodiscard]] bool search_due();
  [[nodiscard]] Result<aws::CredentialsPtr> found();
  void keep(Result<aws::CredentialsPtr> found);

  const std::unique_ptr<CredentialFinder> finder_;  // used by the running search only
  rt::SingleFlight flight_;
  Mutex mutex_;
  CredentialSlot slot_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
