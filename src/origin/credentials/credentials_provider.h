#pragma once

#include <memory>

#include "aws/credentials.h"
#include "base/error.h"
#include "rt/io.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Who is asked for credentials before a request is signed. Shared by all workers; thread-safe.
class CredentialsProvider {
 public:
  CredentialsProvider() = default;
  virtual ~CredentialsProvider() = default;
  CredentialsProvider(const CredentialsProvider&) = delete;
  CredentialsProvider& operator=(const CredentialsProvider&) = delete;

  /// Never null. At once where they are known, else as soon as they are found. Fails with a text
  /// that says why there are none: kDenied where nobody has any or they are refused, kUpstream or
  /// kTimeout where whoever has them does not answer, kTimeout past `deadline`.
  [[nodiscard]] virtual rt::Task<Result<aws::CredentialsPtr>> get(rt::Worker& worker,
                                                                  MonoTime deadline) = 0;

  /// The store said that `used` have expired or are unknown (ExpiredToken, InvalidToken,
  /// TokenRefreshRequired). True: ask get() again, it may bring others.
  [[nodiscard]] virtual bool replace(const aws::Credentials& used) = 0;
};

/// Always the same. REQUIRES: not null.
[[nodiscard]] std::shared_ptr<CredentialsProvider> fixed_credentials(
    aws::CredentialsPtr credentials);

}  // namespace cachey::origin
