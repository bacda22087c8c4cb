#pragma once

#include <atomic>

#include "api/route.h"

namespace cachey::api {

/// `/healthz`: always 200. Any worker.
class Health final : public RouteHandler {
 public:
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;
};

/// `/readyz`: 200; 503 after stop_being_ready(), when a shutdown has begun. Any thread.
class Readiness final : public RouteHandler {
 public:
  void stop_being_ready() { ready_.store(false, std::memory_order_relaxed); }

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  std::atomic<bool> ready_{true};
};

}  // namespace cachey::api
