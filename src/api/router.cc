#include "api/router.h"

#include "api/reply.h"

namespace cachey::api {
namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

/// Work for a blocking pool.
class MetricsText {
 public:
  explicit MetricsText(Metrics& metrics) : metrics_(&metrics) {}
  [[nodiscard]] std::string operator()() const { return metrics_->text(); }

 private:
  Metrics* metrics_;
};

/// One of the few that may read /metrics at a time.
class Place {
 public:
  explicit Place(std::atomic<int>& taken) : taken_(taken), number_(taken.fetch_add(1)) {}
  ~Place() { taken_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] bool is_had() const { return number_ < Router::kMetricsAnswersMax; }

 private:
  std::atomic<int>& taken_;
  const int number_;
};

}  // namespace

Router::Route Router::route_of(std::string_view path) const {
  if (path == "/healthz") return Route::kHealth;
  if (path == "/readyz") return Route::kReadiness;
  if (face_ != Face::kAdmin && path.starts_with("/fetch/")) return Route::kFetch;
  if (face_ != Face::kData && path == "/stats") return Route::kStats;
  if (face_ != Face::kData && path == "/metrics") return Route::kMetrics;
  return Route::kNone;
}

rt::Task<void> Router::handle(rt::Worker& worker, const net::Request& request,
                              net::ResponseWriter& writer) {
  const Route route = route_of(request.target().substr(0, request.target().find('?')));
  if (route == Route::kNone) {
    return reply_text(writer, net::ResponseHead(404), kPlain, "no such path");
  }
  const bool open = route == Route::kHealth || route == Route::kReadiness;
  if (!open && !access_.admits(request)) {
    net::ResponseHead head(401);
    head.add("WWW-Authenticate", "Bearer");
    return reply_text(writer, head, kPlain, "a valid bearer token is required");
  }
  if (request.method() == net::Method::kOther) {
    net::ResponseHead head(405);
    head.add("Allow", "GET, HEAD");
    return reply_text(writer, head, kPlain, "the method must be GET or HEAD");
  }
  if (route == Route::kFetch) return fetch_.handle(worker, request, writer);
  if (route == Route::kStats) return reply_stats(writer);
  if (route == Route::kMetrics) return reply_metrics(writer);
  if (route == Route::kReadiness && !ready_.load(std::memory_order_relaxed)) {
    return reply_text(writer, net::ResponseHead(503), kPlain, "shutting down");
  }
  return reply_text(writer, net::ResponseHead(200), kPlain, "ok");
}

rt::Task<void> Router::reply_stats(net::ResponseWriter& writer) {
  const std::string json = stats_();
  co_await reply_text(writer, net::ResponseHead(200), "application/json", json);
}

rt::Task<void> Router::reply_metrics(net::ResponseWriter& writer) {
  const Place place(metrics_answers_);
  if (!place.is_had()) {
    const Error busy(ErrorKind::kOverloaded, "/metrics is being read by many already");
    co_await reply_error(writer, busy);
    co_return;
  }
  const MetricsText make_text(metrics_);
  const std::string text = co_await reports_.run(make_text);
  co_await reply_text(writer, net::ResponseHead(200), kPrometheus, text);
}

}  // namespace cachey::api
