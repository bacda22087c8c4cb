#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "api/route.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "rt/blocking_pool.h"

namespace cachey::api {

/// `/metrics` for Prometheus. A text may have half a megabyte and stays in memory until its clients
/// have read all of it, or kReadTime is over; the newest one stays. At most kTextsMax texts exist
/// at a time: past it, the newest one is sent again. So clients that read slowly keep nobody out.
/// Owned by Routes; all that this refers to outlives it. Any worker.
class MetricsPage final : public RouteHandler {
 public:
  static constexpr int kTextsMax = 16;
  static constexpr std::chrono::seconds kReadTime{10};  ///< Prometheus' own limit of a scrape

  /// The text is made on `pool`, because this takes milliseconds.
  MetricsPage(Metrics& metrics, rt::BlockingPool& pool) : metrics_(metrics), pool_(pool) {}

  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  class Text;
  using TextPtr = std::shared_ptr<const Text>;

  /// Null: kTextsMax texts are being made, and there is none yet.
  [[nodiscard]] rt::Task<TextPtr> text();
  [[nodiscard]] TextPtr newest() EXCLUDES(mutex_);
  void set_newest(TextPtr text) EXCLUDES(mutex_);

  Metrics& metrics_;
  rt::BlockingPool& pool_;
  std::atomic<int> texts_{0};
  Mutex mutex_;
  TextPtr newest_ GUARDED_BY(mutex_);
};

}  // namespace cachey::api
