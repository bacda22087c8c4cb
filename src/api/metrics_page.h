#pragma once

#include <atomic>

#include "api/route.h"
#include "base/metrics.h"
#include "rt/blocking_pool.h"

namespace cachey::api {

/// `/metrics` for Prometheus. A text may have half a megabyte and stays in memory until the client
/// has read all of it. At most kAnswersMax texts at a time; further requests get 503. Owned by
/// Routes; all that this refers to outlives it. Any worker.
class MetricsPage final : public RouteHandler {
 public:
  static constexpr int kAnswersMax = 16;

  /// The text is made on `pool`, because this takes milliseconds.
  MetricsPage(Metrics& metrics, rt::BlockingPool& pool) : metrics_(metrics), pool_(pool) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  Metrics& metrics_;
  rt::BlockingPool& pool_;
  std::atomic<int> answers_{0};
};

}  // namespace cachey::api
