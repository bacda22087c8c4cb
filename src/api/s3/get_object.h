#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "api/client_accounts.h"
#include "api/object_body.h"
#include "api/s3/error_answer.h"
#include "api/s3/metrics.h"
#include "api/s3/object_question.h"
#include "api/s3/part_questions.h"
#include "api/s3/pass_through.h"
#include "api/s3/questions.h"
#include "api/s3/virtual_hosts.h"
#include "base/error.h"
#include "base/throughput.h"
#include "cache/cache.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// GetObject and HeadObject: finds the version that answers, judges conditions and range on it, and
/// sends it. Owned by the endpoint; all that this refers to outlives it. Any worker.
class GetObject {
 public:
  /// `hosts`: see parse_target(). `stale_max`: see may_be_stale(). `plain`: answers have no X-Cache
  /// and no C0-Status.
  GetObject(cache::Cache& cache, PartQuestions& parts, EndpointMetrics& metrics,
            PassThrough& pass_through, const VirtualHosts& hosts, Throughput& egress,
            std::chrono::nanoseconds stale_max, bool plain)
      : cache_(cache),
        parts_(parts),
        metrics_(metrics),
        pass_through_(pass_through),
        hosts_(hosts),
        egress_(egress),
        stale_max_(stale_max),
        plain_(plain),
        questions_(cache) {}

  /// Called before the server starts.
  void account(ClientAccounts accounts) { accounts_ = accounts; }

  [[nodiscard]] const Outages& outages() const { return questions_.outages(); }

  [[nodiscard]] rt::Task<void> answer(rt::Worker& worker, const net::Request& request,
                                      net::ResponseWriter& writer, ObjectQuestion question);

 private:
  struct Answer;  // the state of one answer
  struct Held;    // that with its question, until its end
  using HeldPtr = std::unique_ptr<Held>;
  struct Judged;

  [[nodiscard]] rt::Task<void> answer_later(HeldPtr held);
  [[nodiscard]] rt::Task<void> answer_prepared(HeldPtr held, Judged judged);
  [[nodiscard]] std::optional<Judged> try_prepare(Answer& answer);
  [[nodiscard]] rt::Task<Result<Judged>> prepare(Answer& answer);
  [[nodiscard]] rt::Task<Result<void>> open_unknown(Answer& answer);
  [[nodiscard]] rt::Task<Result<void>> fetch_tail(Answer& answer);
  [[nodiscard]] rt::Task<Result<void>> open(Answer& answer, ByteRange range);
  [[nodiscard]] rt::Task<Result<void>> ask(Answer& answer, std::chrono::nanoseconds age_max);
  [[nodiscard]] bool can_be_stale(const Answer& answer) const;
  [[nodiscard]] Result<void> take_failure(Answer& answer, Error error);
  void look_up_place(Answer& answer);
  [[nodiscard]] rt::Task<Result<void>> ask_for_place(Answer& answer);
  [[nodiscard]] static Judged judge(const Answer& answer);
  [[nodiscard]] static Judged judge_part(const Answer& answer);
  [[nodiscard]] static FreshnessQuestion freshness_of(const Answer& answer);
  [[nodiscard]] static bool must_ask_for_checksums(const Answer& answer,
                                                   const FreshnessQuestion& question);
  [[nodiscard]] static NextStep next_step_of(const Answer& answer);
  [[nodiscard]] static CacheWord word_of(const Answer& answer);
  [[nodiscard]] static Refusal refusal_of(const Answer& answer, const Judged& judged);
  [[nodiscard]] static bool is_plain(const Answer& answer, const Judged& judged);
  [[nodiscard]] bool try_send(Answer& answer, const Judged& judged);
  [[nodiscard]] rt::Task<void> send_rest(HeldPtr held, Judged judged);
  void count_end(const Answer& answer, const Judged& judged, bool sent);
  [[nodiscard]] rt::Task<void> send_other(Answer& answer, Judged judged);
  void count_use(const Answer& answer) const;
  void start(Answer& answer, const Judged& judged);
  void count_body(const Answer& answer, bool sent) const;
  [[nodiscard]] rt::Task<void> pass(Answer& answer);
  [[nodiscard]] rt::Task<void> fail(Answer& answer, Error error);
  [[nodiscard]] rt::Task<void> refuse(Answer& answer, Refusal refusal);

  cache::Cache& cache_;
  PartQuestions& parts_;
  EndpointMetrics& metrics_;
  PassThrough& pass_through_;
  const VirtualHosts& hosts_;
  Throughput& egress_;
  const std::chrono::nanoseconds stale_max_;
  const bool plain_;
  Questions questions_;
  ClientAccounts accounts_;
};

}  // namespace cachey::api::s3
