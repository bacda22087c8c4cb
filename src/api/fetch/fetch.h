#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "api/access.h"
#include "api/fetch/metrics.h"
#include "api/object_body.h"
#include "api/route.h"
#include "base/byte_range.h"
#include "base/error.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "cache/range_reader.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// `GET|HEAD /fetch/{kind}/{object}`: turns a request into a range of pages, and the pages into a
/// response. Owned by Process; all that this refers to outlives it. Any worker.
class Fetch final : public RouteHandler {
 public:
  /// `client_limit_max`: the maximum of each time in a request's C0-Config.
  Fetch(cache::Cache& cache, FetchMetrics& metrics, Throughput& egress,
        std::chrono::milliseconds client_limit_max)
      : cache_(cache), metrics_(metrics), egress_(egress), client_limit_max_(client_limit_max) {}

  /// REQUIRES: the target begins with `/fetch/`.
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  struct Answer;                                                 // the state of one response
  using ConditionPtr = std::unique_ptr<const cache::Condition>;  // null: none

  [[nodiscard]] rt::Task<void> answer(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                                      ByteRange wanted, ConditionPtr condition,
                                      KindFetchMetrics& metrics);
  [[nodiscard]] rt::Task<void> answer_without_range(rt::Worker& worker, const Answer& answer,
                                                    const cache::Condition* condition,
                                                    Result<void>& opened);
  [[nodiscard]] rt::Task<void> answer_past_end(rt::Worker& worker, const Answer& answer,
                                               const cache::Condition& condition, Error past_end);
  [[nodiscard]] static rt::Task<void> not_modified(const Answer& answer);
  [[nodiscard]] static rt::Task<void> refuse(const Answer& answer, Error error);
  static void start_response(const Answer& answer);
  static void count_body(const Answer& answer, const ObjectBody& body, bool sent);
  [[nodiscard]] static rt::Task<void> finish(Answer& answer);

  cache::Cache& cache_;
  FetchMetrics& metrics_;
  Throughput& egress_;
  const std::chrono::milliseconds client_limit_max_;
};

}  // namespace cachey::api
