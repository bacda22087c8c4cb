#pragma once

#include <memory>

#include "aws/credentials.h"
#include "base/error.h"
#include "rt/io.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Has the credentials that sign requests. Shared by all workers; any thread.
class CredentialsProvider {
 public:
  CredentialsProvider() = default;
  virtual ~CredentialsProvider() = default;
  CredentialsProvider(const CredentialsProvider&) = delete;
  CredentialsProvider& operator=(const CredentialsProvider&) = delete;

  /// Never null. Returns known credentials at once, else waits for a search. Errors say why there
  /// are no credentials: kDenied if no provider has any, or a provider refused; kUpstream or
  /// kTimeout if a provider does not answer; kOverloaded if the search goes on past `deadline`.
  [[nodiscard]] virtual rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker,
                                                                  MonoTime deadline) = 0;

  /// The store refused `refused`, whatever was asked for. Returns other credentials, after a search
  /// if none are known; null: there are none, or not until `deadline`. `refused` stays in use if
  /// the search finds nothing else, since one store's refusal may be wrong.
  [[nodiscard]] virtual rt::Task<aws::CredentialsPtr> replace(rt::Worker& worker,
                                                              aws::CredentialsPtr refused,
                                                              MonoTime deadline) = 0;

  /// The last search failed. Older credentials may still be in use.
  [[nodiscard]] virtual bool search_failed() { return false; }
};

/// A provider of constant credentials. REQUIRES: not null.
[[nodiscard]] std::shared_ptr<CredentialsProvider> fixed_credentials(
    aws::CredentialsPtr credentials);

}  // namespace cachey::origin
