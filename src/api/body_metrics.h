#pragma once

#include <array>

#include "api/body_times.h"
#include "base/fine_histogram.h"
#include "base/metrics.h"
#include "base/tier.h"

namespace cachey::api {

/// How long clients wait for objects, of all endpoints together. All objects of this class with the
/// same Metrics count the same series. Any thread.
class BodyMetrics {
 public:
  explicit BodyMetrics(Metrics& metrics);

  /// A body has ended. `began`: when its request's head came. `sent`: the body is complete.
  void ended(const BodyTimes& body, bool sent, MonoTime began, Tier tier) const {
    if (!body.has_begun()) return;
    if (sent && body.first == body.last) {
      FineHistogram::observe_in_both(first_byte(tier), request(tier), body.first - began);
      return;
    }
    first_byte(tier).observe(body.first - began);
    if (sent) request(tier).observe(body.last - began);
  }

  /// From a request's head to the first bytes of its body.
  [[nodiscard]] const FineHistogram& first_byte(Tier tier) const {
    return first_byte_[static_cast<size_t>(tier)];
  }
  /// From a request's head to the last bytes of a whole body.
  [[nodiscard]] const FineHistogram& request(Tier tier) const {
    return request_[static_cast<size_t>(tier)];
  }

 private:
  std::array<FineHistogram, kTiers> first_byte_;
  std::array<FineHistogram, kTiers> request_;
};

}  // namespace cachey::api
