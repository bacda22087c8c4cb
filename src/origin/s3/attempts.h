#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "aws/error_document.h"
#include "origin/origin.h"
#include "origin/s3/bucket_attempts.h"
#include "origin/s3/client.h"
#include "origin/s3/operation.h"
#include "origin/s3/retry.h"
#include "origin/transport/http_exchange.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The store's answer to one attempt: its head, and the body to come.
struct Answered {
  std::unique_ptr<HttpExchange> exchange;
  ResponseHead head;
  MonoTime sent_at;   ///< when the request was sent
  MonoTime deadline;  ///< of the attempt
};

/// The text of an answer that is no success, and what the text means.
struct Refused {
  Failure failure;
  aws::ErrorDocument document;
  std::string text;      ///< cut at kSmallBodyBytesMax
  bool complete = true;  ///< the text was read to its end, or to the cut
};

/// The attempts of one request, whatever the request asks: each attempt finds credentials and a
/// connection, signs, sends, and reads the head of the answer; after a failure the attempts follow
/// the store's word on region, clock and credentials, or wait for the retry that the limits and the
/// budget of retries allow. The caller judges the answers. Owned by the caller, which also keeps
/// `client`, `worker` and `terms` alive; one worker's thread.
class Attempts {
 public:
  /// Of `terms` counts what is not about the question: bucket, key, limits, stop, turn, memory.
  /// `payer_key`: of RetryPayer.
  Attempts(S3ClientState& client, rt::Worker& worker, const GetRequest& terms, uint64_t payer_key);

  [[nodiscard]] MonoTime now() const { return worker_.timers().now(); }
  [[nodiscard]] MonoTime deadline() const { return deadline_; }

  /// Finds the region, and sets the server and the path of request(). Call before all others.
  [[nodiscard]] rt::Task<Result<void>> prepare();
  /// What the next attempt sends.
  [[nodiscard]] S3Request& request() { return operation_.request; }
  /// See Operation.
  [[nodiscard]] const std::string& expected_tag() const { return operation_.expected_tag; }
  /// Whether a failure has asked for `remedy`.
  [[nodiscard]] bool has_tried(Remedy remedy) const { return tried_.contains(remedy); }

  /// One attempt. `lines`: see HttpExchange::start().
  [[nodiscard]] rt::Task<Attempt<Answered>> send(KeepLines lines = KeepLines::kAttributes);
  /// Reads the text of an answer that is no success. Ends the exchange: the connection is given
  /// back, or closed if a new one may reach a healthy server.
  [[nodiscard]] rt::Task<Refused> read_refusal(Answered& answered);
  /// Call after a failed attempt. Success: try again; by a GET if has_tried(Remedy::kByGet). An
  /// error: the request fails with this error.
  [[nodiscard]] rt::Task<Result<void>> recover(Failure failure);
  /// The store has given a good answer.
  void succeeded();
  /// The store has refused the question, which is an answer.
  void refused() { count_attempt(); }

 private:
  [[nodiscard]] MonoTime find_deadline() const;
  [[nodiscard]] ConnectOptions connect_options(MonoTime deadline) const;
  [[nodiscard]] BodyLimits body_limits() const;
  [[nodiscard]] rt::Task<Attempt<void>> find_signer(MonoTime deadline);

  void take_failure(const Error& error, AttemptOutcome late, AttemptOutcome other);
  void take_head(const Answered& answered);
  void count_attempt();

  [[nodiscard]] bool may_retry(const Failure& failure) const {
    return failure.retry != Retry::kNever && number_ < limits_.attempts_max;
  }
  [[nodiscard]] rt::Task<bool> wait_before_retry(const Failure& failure);
  [[nodiscard]] rt::Task<bool> remedy(const Failure& failure);
  [[nodiscard]] rt::Task<bool> replace_credentials();
  void note_refused_key(const Failure& failure);

  S3ClientState& client_;
  rt::Worker& worker_;
  const GetRequest& terms_;
  const S3Limits limits_;
  const bool impatient_;  // a timeout may be the client's own doing
  const RetryPayer payer_;
  const uint64_t object_;  // a hash of the key, for counts
  const MonoTime deadline_;
  Operation operation_;
  uint32_t number_ = 1;  // of the current attempt
  uint32_t gain_ = RetryTokens::kFirstAttemptGain;
  std::set<Remedy> tried_;
  std::optional<AttemptOutcome> outcome_;            // of an attempt that is not counted yet
  std::optional<std::chrono::nanoseconds> to_head_;  // the same; nothing: no head came
};

}  // namespace cachey::origin
