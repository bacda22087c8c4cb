#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/fetch/fetch.h"
#include "api/health.h"
#include "api/metrics_page.h"
#include "api/objects_page.h"
#include "api/purge_page.h"
#include "api/route.h"
#include "api/s3/endpoint.h"
#include "api/stats_page.h"
#include "api/status_data.h"
#include "api/ui/page.h"
#include "api/ui/table.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "origin/forward.h"
#include "rt/blocking_pool.h"

namespace cachey::app {

/// The handlers of all routes, and the table that lists them. Owned by Process. The arguments of
/// the constructor outlive the routes. Any thread.
class Routes {
 public:
  /// `forwarder`: see api::s3::Endpoint. `ui_on_data`: the status page stands at the addresses of
  /// --listen, too. `s3api`: nothing if there is no S3 endpoint.
  Routes(cache::Cache& cache, origin::Forwarder* forwarder, api::FetchMetrics& fetch_metrics,
         Throughput& egress, Metrics& metrics, rt::BlockingPool& reports,
         std::function<std::string()> stats_json, api::StatusTexts status_texts,
         std::chrono::milliseconds client_limit_max, api::RangeForms fetch_ranges, Random& random,
         bool ui_on_data, std::optional<api::s3::EndpointConfig> s3api);
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  [[nodiscard]] std::span<const api::Route> table() const { return table_; }

  /// Null: there is no S3 endpoint.
  [[nodiscard]] api::s3::Endpoint* s3api() { return s3api_ ? &*s3api_ : nullptr; }

  /// Called before the server starts.
  void account(api::ClientAccounts accounts) {
    fetch_.account(accounts);
    if (s3api_) s3api_->account(accounts);
  }

  /// From now on /readyz answers 503, because a shutdown has begun.
  void stop_being_ready() { readiness_.stop_being_ready(); }

 private:
  api::Fetch fetch_;
  api::StatsPage stats_;
  api::MetricsPage metrics_;
  api::UiTable ui_table_;
  api::StatusData status_data_;
  api::PurgePage purge_;
  api::ObjectsPage objects_;
  api::UiPage ui_page_;
  api::UiHome ui_home_;
  api::Health health_;
  api::Readiness readiness_;
  std::optional<api::s3::Endpoint> s3api_;
  std::vector<api::Route> table_;
};

}  // namespace cachey::app
