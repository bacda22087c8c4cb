#pragma once

#include <chrono>
#include <memory>

#include "base/mutex.h"
#include "origin/credentials/credentials_provider.h"
#include "origin/credentials/slot.h"
#include "rt/single_flight.h"

namespace cachey::origin {

/// Finds credentials anew each time. One search at a time; each may be on another worker.
class CredentialFinder {
 public:
  CredentialFinder() = default;
  virtual ~CredentialFinder() = default;
  CredentialFinder(const CredentialFinder&) = delete;
  CredentialFinder& operator=(const CredentialFinder&) = delete;

  /// Never null. Ends by `deadline`, or soon after.
  [[nodiscard]] virtual rt::Task<Result<aws::CredentialsPtr>> find(rt::Worker& worker,
                                                                   MonoTime deadline) = 0;
};

/// A search for credentials takes no longer; nor does a request wait longer for one.
inline constexpr std::chrono::milliseconds kCredentialSearchLimit{5000};

/// The process's credentials, found when first asked for and looked for anew before they expire, by
/// one search at a time, on the worker whose request began it; requests go on with the old ones
/// meanwhile, as long as they are good. See CredentialSlot. A search goes on when the request that
/// began it has ended. Any thread.
class CredentialCache final : public CredentialsProvider,
                              public std::enable_shared_from_this<CredentialCache> {
 public:
  /// `clock` and `random` must outlive it.
  CredentialCache(std::unique_ptr<CredentialFinder> finder, const Clock& clock, Random& random)
      : finder_(std::move(finder)), slot_(clock, random) {}

  rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker, MonoTime deadline) override;
  bool replace(const aws::Credentials& used) override;

 private:
  [[nodiscard]] rt::Task<void> search(std::shared_ptr<CredentialCache> self, rt::Worker& worker);
  [[nodiscard]] bool search_due();
  [[nodiscard]] Result<aws::CredentialsPtr> found();
  void keep(Result<aws::CredentialsPtr> found);

  const std::unique_ptr<CredentialFinder> finder_;  // used by the one search
  rt::SingleFlight flight_;
  Mutex mutex_;
  CredentialSlot slot_ GUARDED_BY(mutex_);
};

}  // namespace cachey::origin
