#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/access.h"
#include "api/fetch/fetch.h"
#include "base/metrics.h"
#include "net/http/http.h"
#include "rt/blocking_pool.h"

namespace cachey::api {

/// Which routes there are: `/fetch/...`, `/stats` and `/metrics`, or both. `/healthz` and `/readyz`
/// are on every face, and open to everybody.
enum class Face : uint8_t { kAll, kData, kAdmin };

/// The routes of one face. Owned by main. Any worker.
///
/// Texts of /metrics may be of half a megabyte, and stay until their client has taken them: so many
/// at a time (kMetricsAnswersMax), then 503.
class Router final : public net::Handler {
 public:
  static constexpr int kMetricsAnswersMax = 16;

  /// `stats` makes the JSON text of /stats; called on any worker. The text of /metrics, which takes
  /// milliseconds, is made on `reports`.
  Router(Face face, Fetch& fetch, Metrics& metrics, rt::BlockingPool& reports, Access& access,
         std::function<std::string()> stats)
      : face_(face),
        fetch_(fetch),
        metrics_(metrics),
        reports_(reports),
        access_(access),
        stats_(std::move(stats)) {}

  /// From now on /readyz says no: a shutdown has begun.
  void stop_being_ready() { ready_.store(false, std::memory_order_relaxed); }

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer) override;

 private:
  enum class Route : uint8_t { kNone, kFetch, kStats, kMetrics, kHealth, kReadiness };

  [[nodiscard]] Route route_of(std::string_view path) const;
  [[nodiscard]] rt::Task<void> reply_stats(net::ResponseWriter& writer);
  [[nodiscard]] rt::Task<void> reply_metrics(net::ResponseWriter& writer);

  const Face face_;
  Fetch& fetch_;
  Metrics& metrics_;
  rt::BlockingPool& reports_;
  Access& access_;
  const std::function<std::string()> stats_;
  std::atomic<bool> ready_{true};
  std::atomic<int> metrics_answers_{0};
};

}  // namespace cachey::api
