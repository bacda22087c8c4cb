#include "api/body_metrics.h"

#include <string>

namespace cachey::api {

BodyMetrics::BodyMetrics(Metrics& metrics) {
  for (size_t i = 0; i < kTiers; ++i) {
    const Metrics::Labels labels{{"tier", std::string(to_string(static_cast<Tier>(i)))}};
    first_byte_[i] = metrics.fine_histogram(
        "cachey_first_byte_seconds", "Time from a request's head to the first bytes of its body",
        latency_bounds(), labels);
    request_[i] = metrics.fine_histogram(
        "cachey_request_seconds", "Time from a request's head to the last bytes of its whole body",
        latency_bounds(), labels);
  }
}

}  // namespace cachey::api
