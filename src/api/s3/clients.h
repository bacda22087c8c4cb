#pragma once

#include <expected>

#include "api/s3/error_answer.h"
#include "api/s3/grant.h"
#include "api/s3/target.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// Decides which client a request is from, before anything else is looked at. Owned by the
/// endpoint. Any worker.
class Clients {
 public:
  /// Every client may read everything; signatures are ignored.
  Clients() = default;

  /// What the request's client may read. REQUIRES: `target` is that of `request`. The refusal is
  /// the same whatever the cache and the store have.
  [[nodiscard]] std::expected<GrantPtr, Refusal> admit(rt::Worker& worker,
                                                       const net::Request& request,
                                                       const Target& target);

 private:
  const Grant all_;
};

}  // namespace cachey::api::s3
