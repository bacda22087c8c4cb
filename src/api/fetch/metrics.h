#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "api/body_metrics.h"
#include "api/body_times.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/per_label.h"
#include "net/http/http.h"

namespace cachey::api {

/// Counts of all kinds and methods since the start.
struct FetchTotals {
  uint64_t started = 0;
  std::array<uint64_t, static_cast<size_t>(ErrorKind::kInternal) + 1> failed{};  ///< by ErrorKind
  uint64_t client_gone = 0;
};

/// The metrics of `/fetch` for one kind.
class KindFetchMetrics {
 public:
  KindFetchMetrics(Metrics& metrics, std::string kind);

  void started(net::Method method) { started_[method_index(method)].add(); }
  /// A request that may be answered: the bytes of its range, and the pages with these bytes, or one
  /// for an exact range.
  void asked(uint64_t bytes, uint64_t entries) {
    bytes_.observe(bytes);
    entries_.observe(entries);
  }
  /// A body has ended. `began`: when the head came. `sent`: the body is complete. `hit`: the first
  /// page was in the cache. `tier`: see BodyMetrics.
  void body_ended(const BodyTimes& body, bool sent, MonoTime began, bool hit, Tier tier) {
    if (!body.has_begun()) return;
    const std::chrono::nanoseconds after = body.first - began;
    first_chunk_[hit ? 1 : 0].observe(static_cast<uint64_t>(after.count()));
    bodies_.ended(body, sent, began, tier);
  }
  void succeeded(net::Method method) { succeeded_[method_index(method)].add(); }

  enum class Stage : uint8_t {
    kInit,   ///< no body was begun: the response was an error status, or the client left
    kLater,  ///< the body broke off
  };
  void failed(net::Method method, Stage stage, ErrorKind kind);
  void client_left(net::Method method, Stage stage);

  /// Adds this kind's counts.
  void add_to(FetchTotals& totals) const;

 private:
  static constexpr size_t kMethods = 2;
  static constexpr size_t kStages = 2;
  static constexpr size_t kErrorKinds = static_cast<size_t>(ErrorKind::kInternal) + 1;

  static size_t method_index(net::Method method) { return method == net::Method::kHead ? 1 : 0; }
  [[nodiscard]] Counter request(size_t method, const std::string& status);
  void count_failure(std::atomic<Counter>& failures, size_t method, const char* stage,
                     std::string_view code);

  Metrics& metrics_;
  const std::string kind_;
  const BodyMetrics bodies_;
  const Histogram bytes_;
  const Histogram entries_;
  std::array<Counter, kMethods> started_;
  std::array<Counter, kMethods> succeeded_;
  std::array<Histogram, 2> first_chunk_;
  // Created on first use, because most of the combinations never happen.
  std::array<std::array<std::array<std::atomic<Counter>, kErrorKinds>, kStages>, kMethods> failed_;
  std::array<std::array<std::atomic<Counter>, kStages>, kMethods> client_left_;
};

/// The metrics of all kinds. Owned by Process; outlives the route. Any thread.
class FetchMetrics {
 public:
  FetchMetrics(Metrics& metrics, size_t kinds_max);
  [[nodiscard]] KindFetchMetrics& of(std::string_view kind) { return kinds_.of(kind); }
  [[nodiscard]] FetchTotals totals() const;

 private:
  PerLabel<KindFetchMetrics> kinds_;
};

}  // namespace cachey::api
