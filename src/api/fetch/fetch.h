#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "api/access.h"
#include "api/client_accounts.h"
#include "api/fetch/metrics.h"
#include "api/fetch/request.h"
#include "api/object_body.h"
#include "api/range_header.h"
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
  /// `client_limit_max`: the maximum of each time in a request's C0-Config. `forms`: the ranges
  /// that are served.
  Fetch(cache::Cache& cache, FetchMetrics& metrics, Throughput& egress,
        std::chrono::milliseconds client_limit_max, RangeForms forms = RangeForms::kBothEnds)
      : cache_(cache),
        metrics_(metrics),
        egress_(egress),
        client_limit_max_(client_limit_max),
        forms_(forms) {}

  /// Called before the server starts.
  void account(ClientAccounts accounts) { accounts_ = accounts; }

  /// REQUIRES: the target begins with `/fetch/`.
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;

 private:
  using ConditionPtr = std::unique_ptr<const cache::Condition>;  // null: none
  struct Exchange {
    net::ResponseWriter& writer;
    KindFetchMetrics& metrics;
    net::RequestNotes* notes;  // null: nobody logs the request
    net::Method method;
  };
  /// The state of one response with a reader.
  struct Answer : Exchange {
    bool trailers;
    bool whole;  // the request has no Range that counts: 200 without Content-Range
    cache::RangeReader& reader;
    const cache::Warmed* warmed = nullptr;  // what a warm request has done; null: it is none
  };
  struct Reading;  // an answer with its reader, until its end
  using ReadingPtr = std::unique_ptr<Reading>;
  struct WarmAnswer;  // the state of a warm request
  struct Question;    // the state of a request that does not name both ends of its range

  enum class Misses : uint8_t { kAllowed, kRefused };
  [[nodiscard]] rt::Task<void> serve(rt::Worker& worker, const net::Request& request, Permit permit,
                                     net::ResponseWriter& writer, Misses misses);
  [[nodiscard]] rt::Task<void> serve_limited(rt::Worker& worker, const net::Request& request,
                                             Permit permit, net::ResponseWriter& writer);
  void count_use(const Answer& answer, rt::Worker& worker, const Result<void>& opened) const;
  [[nodiscard]] rt::Task<void> answer_later(ReadingPtr reading);
  [[nodiscard]] rt::Task<void> answer_opened(ReadingPtr reading, Result<void> opened);
  [[nodiscard]] rt::Task<void> answer_unreadable(ReadingPtr reading, Result<void> opened);
  [[nodiscard]] rt::Task<void> send_rest(ReadingPtr reading);
  [[nodiscard]] rt::Task<void> answer_any(rt::Worker& worker, const net::Request& request,
                                          net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                                          AnyRange asked, KindFetchMetrics& metrics);
  [[nodiscard]] rt::Task<void> answer_warm(rt::Worker& worker, const net::Request& request,
                                           net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                                           AnyRange asked, KindFetchMetrics& metrics);
  [[nodiscard]] rt::Task<bool> answer_warmed(rt::Worker& worker, WarmAnswer& warm);
  [[nodiscard]] rt::Task<void> answer_empty_warm(rt::Worker& worker, const WarmAnswer& warm);
  [[nodiscard]] rt::Task<Result<ByteRange>> find_place(Question& question);
  [[nodiscard]] rt::Task<Result<ObjectSourcePtr>> look(const Question& question);
  [[nodiscard]] static rt::Task<void> answer_without_bytes(const Question& question);
  [[nodiscard]] rt::Task<void> answer_without_range(rt::Worker& worker, const Answer& answer,
                                                    const cache::Condition* condition,
                                                    Result<void>& opened);
  [[nodiscard]] rt::Task<void> answer_past_end(rt::Worker& worker, const Answer& answer,
                                               const cache::Condition& condition, Error past_end);
  [[nodiscard]] rt::Task<void> send(const Question& question, Answer& answer);
  enum class Warm : uint8_t { kNo, kYes };
  [[nodiscard]] static rt::Task<void> answer_without_body(Exchange exchange, unsigned status,
                                                          ObjectInfo version,
                                                          Warm warm = Warm::kNo);
  [[nodiscard]] static rt::Task<void> refuse(Exchange exchange, Error error);
  static void start_response(const Answer& answer);
  static void count_body(const Answer& answer, const ObjectBody& body, bool sent, MonoTime began,
                         Tier tier);
  [[nodiscard]] static bool try_finish(const Answer& answer);
  [[nodiscard]] static rt::Task<void> finish(Answer& answer);
  static void count_end(const Exchange& exchange, bool sent);

  cache::Cache& cache_;
  FetchMetrics& metrics_;
  Throughput& egress_;
  const std::chrono::milliseconds client_limit_max_;
  const RangeForms forms_;
  ClientAccounts accounts_;
};

}  // namespace cachey::api
