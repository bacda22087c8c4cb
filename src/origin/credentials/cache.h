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

/// The process's credentials. The first get() starts a search; a later get() starts the next search
/// before they expire, and replace() starts one after a refusal; requests use the old credentials
/// meanwhile. There is one search at a time, a task of the worker that began it; the search
/// outlives that request. CredentialSlot has the times. Any thread.
class CredentialCache final : public CredentialsProvider,
                              public std::enable_shared_from_this<CredentialCache> {
 public:
  /// `clock` and `random` outlive the cache. `search_limit`: the time limit of a search.
  CredentialCache(std::unique_ptr<CredentialFinder> finder, const Clock& clock, Random& random,
                  std::chrono::milliseconds search_limit)
      : finder_(std::move(finder)), search_limit_(search_limit), slot_(clock, random) {}

  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker, MonoTime deadline) override;
  rt::Task<aws::CredentialsPtr> replace(rt::Worker& worker, aws::CredentialsPtr refused,
                                        MonoTime deadline) override;
  bool search_failed() override;

 private:
  [[nodiscard]] rt::Task<void> search(std::shared_ptr<CredentialCache> self, rt::Worker& worker);
  [[nodiscard]] bool search_due();
  [[nodiscard]] Result<aws::CredentialsPtr> found();
  /// Null: there are no others.
  [[nodiscard]] aws::CredentialsPtr other_than(const aws::Credentials& refused);
  void keep(Result<aws::CredentialsPtr> found);

  const std::unique_ptr<CredentialFinder> finder_;  // used by the running search only
  const std::chrono::milliseconds search_limit_;
  rt::SingleFlight flight_;
  Mutex mutex_;
  CredentialSlot slot_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
