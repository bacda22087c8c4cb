#pragma once

#include <chrono>
#include <stop_token>
#include <string_view>

#include "api/s3/outages.h"
#include "base/clock.h"
#include "base/error.h"
#include "cache/cache.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// What a question must bring for its request.
struct QuestionTerms {
  MonoTime news_from;  ///< the request began, or found that what it had learnt is old
  /// An earlier question suffices if it was sent at most this long before `news_from`.
  std::chrono::nanoseconds age_max{0};
  /// The request has an answer if the store has none: the wait is short, and in an outage there is
  /// none.
  bool may_be_stale = false;
};

/// Asks the store about objects, for requests of the S3 endpoint: one question an object at a time,
/// shared by all requests. Owned by the endpoint. Any thread.
class Questions {
 public:
  explicit Questions(cache::Cache& cache) : cache_(cache) {}

  /// The store's answer by HeadObject, and when it was asked. Errors: those of cache::look_at();
  /// kThrottled, without a question, if the bucket is out (see Outages) and `may_be_stale`. A
  /// kNotFound is never older than `news_from`.
  [[nodiscard]] rt::Task<Result<cache::Head>> ask(rt::Worker& worker, cache::FetchSpecPtr spec,
                                                  QuestionTerms terms, std::stop_token client_left);

  [[nodiscard]] const Outages& outages() const { return outages_; }

 private:
  [[nodiscard]] rt::Task<Result<cache::Head>> look(rt::Worker& worker, cache::FetchSpecPtr spec,
                                                   MonoTime not_before, rt::Until until);
  [[nodiscard]] rt::Task<void> hear_late_answer(rt::Worker& worker, cache::FetchSpecPtr spec,
                                                MonoTime not_before);
  void count(std::string_view bucket, const Result<cache::Head>& head, bool may_be_stale);
  [[nodiscard]] bool is_absent_since(const cache::FetchSpec& spec, MonoTime when);

  cache::Cache& cache_;
  Outages outages_;
};

}  // namespace cachey::api::s3
