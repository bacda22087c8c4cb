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
  /// kTimeout if a provider does not answer; kTimeout past `deadline`.
  [[nodiscard]] virtual rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker,
                                                                  MonoTime deadline) = 0;

  /// The store answered that `used` have expired or are unknown (ExpiredToken, InvalidToken,
  /// TokenRefreshRequired). True: the next get() may return other credentials.
  [[nodiscard]] virtual bool replace(const aws::Credentials& used) = 0;
};

/// A provider of constant credentials. REQUIRES: not null.
[[nodiscard]] std::shared_ptr<CredentialsProvider> fixed_credentials(
    aws::CredentialsPtr credentials);

}  // namespace cachey::origin
