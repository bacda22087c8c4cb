#include "app/routes.h"

#include <utility>

namespace cachey::app {
namespace {

/// The addresses of the status page. `on_data`: also those of --listen.
api::Face ui_face(bool on_data) {
  return on_data ? api::Face::kDataAndOwnAdmin : api::Face::kOwnAdmin;
}

}  // namespace

using enum api::Match;
using enum api::Face;
using enum api::Scope;
using enum api::Methods;

Routes::Routes(cache::Cache& cache, origin::Forwarder* forwarder, api::FetchMetrics& fetch_metrics,
               Throughput& egress, Metrics& metrics, rt::BlockingPool& reports,
               std::function<std::string()> stats_json, api::StatusTexts status_texts,
               std::chrono::milliseconds client_limit_max, api::RangeForms fetch_ranges,
               Random& random, bool ui_on_data, std::optional<api::s3::EndpointConfig> s3api)
    : fetch_(cache, fetch_metrics, egress, client_limit_max, fetch_ranges),
      stats_(std::move(stats_json)),
      metrics_(metrics, reports),
      ui_table_([text = status_texts.text] { return text(0); }, reports),
      status_data_(std::move(status_texts), reports),
      purge_(cache, metrics),
      objects_(cache),
      table_{{
          {"/fetch/", kPrefix, kData, kClient, kGetAndHead, &fetch_},
          {"/stats", kExact, kAdmin, kClient, kGetAndHead, &stats_},
          {"/metrics", kExact, kAdmin, kClient, kGetAndHead, &metrics_},
          {"/ui/data", kExact, ui_face(ui_on_data), kClient, kGetAndHead, &status_data_},
          {"/admin/purge", kExact, kOwnAdmin, kHolder, kAny, &purge_},
          {"/admin/objects", kExact, kOwnAdmin, kHolder, kGetAndHead, &objects_},
          {"/ui", kExact, ui_face(ui_on_data), kOpen, kGetAndHead, &ui_page_},
          {"/ui/table", kExact, ui_face(ui_on_data), kClient, kGetAndHead, &ui_table_},
          {"/", kExact, kOwnAdmin, kOpen, kGetAndHead, &ui_home_},
          {"/healthz", kExact, kBoth, kOpen, kGetAndHead, &health_},
          {"/readyz", kExact, kBoth, kOpen, kGetAndHead, &readiness_},
      }} {
  if (!s3api) return;
  s3api_.emplace(std::move(*s3api), cache, forwarder, egress, metrics, random);
  table_.insert(table_.end(), {
                                  {"/-/healthz", kExact, kS3, kOpen, kGetAndHead, &health_},
                                  {"/-/readyz", kExact, kS3, kOpen, kGetAndHead, &readiness_},
                                  {"", kPrefix, kS3, kAnyone, kAny, &*s3api_},
                              });
}

}  // namespace cachey::app
