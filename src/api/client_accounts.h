#pragma once

#include "api/client_limiter.h"
#include "api/client_shares.h"

namespace cachey::api {

/// What handlers of objects tell and ask about their clients. Null: nothing.
struct ClientAccounts {
  ClientShares* shares = nullptr;
  ClientLimiter* limiter = nullptr;

  [[nodiscard]] bool has_limits() const { return limiter != nullptr && limiter->enabled(); }
  /// At the end of a request.
  void count(const rt::Worker& worker, std::string_view client, const ClientUse& use) const {
    if (shares != nullptr) shares->count(worker, client, use);
  }
};

}  // namespace cachey::api
