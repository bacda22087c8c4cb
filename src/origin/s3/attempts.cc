#include "origin/s3/attempts.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "origin/back_off.h"
#include "origin/s3/attempt_log.h"
#include "origin/s3/found_settings.h"
#include "origin/transport/answer_failure.h"
#include "origin/transport/request_head.h"

namespace cachey::origin {
namespace {

// The log gets at most this many bytes of an error without a code.
constexpr size_t kErrorTextLogged = 256;

Error cancelled() { return {ErrorKind::kCancelled, "nobody waits for the answer"}; }

}  // namespace

S3ClientState::S3ClientState(S3Config config_given, AttributesPool& attributes_given,
                             const Clock& clock_given, Random& random_given)
    : config(std::move(config_given)),
      user_agent(cachey::origin::user_agent(config.app_id)),
      attributes(attributes_given),
      clock(clock_given),
      random(random_given) {}

Attempts::Attempts(S3ClientState& client, rt::Worker& worker, const GetRequest& terms,
                   uint64_t payer_key)
    : client_(client),
      worker_(worker),
      terms_(terms),
      limits_(effective_limits(client.config.limits, terms.config)),
      impatient_(is_impatient(limits_, client.config.limits)),
      payer_(
          terms.bucket, payer_key,
          terms.config.path_style.value_or(client.config.path_style) != client.config.path_style),
      object_(std::hash<std::string>()(terms.key)),
      deadline_(find_deadline()) {
  CHECK(worker.index() < client.workers.size());
}

rt::Task<Result<void>> Attempts::prepare() {
  const Result<std::string> region = co_await find_region(client_.config, worker_, deadline_);
  if (!region) co_return std::unexpected(region.error());
  Result<Operation> operation = make_operation(terms_, *region, client_.config, client_.learned,
                                               client_.clock.unix_seconds(), client_.random);
  if (!operation) co_return std::unexpected(std::move(operation.error()));
  operation_ = std::move(*operation);
  operation_.request.user_agent = client_.user_agent;
  co_return Result<void>();
}

MonoTime Attempts::find_deadline() const {
  const auto limit = get_limit(limits_, client_.config.limits, terms_.config);
  return limit ? now() + *limit : MonoTime::max();
}

/// Looks up credentials unless the operation has some. Waits for a search no longer than for the
/// store's answer.
rt::Task<Attempt<void>> Attempts::find_signer(MonoTime deadline) {
  if (operation_.request.credentials) co_return Attempt<void>();
  const MonoTime limit = std::min(deadline, now() + client_.config.limits.first_byte_timeout);
  Result<aws::CredentialsPtr> found = co_await find_credentials(client_.config, worker_, limit);
  if (!found && now() < deadline) co_return std::unexpected(Failure(std::move(found.error())));
  if (!found) {
    Error late(ErrorKind::kTimeout, found.error().message(), ErrorCause::kNoCredentials);
    co_return std::unexpected(Failure(std::move(late), Retry::kTransient));
  }
  operation_.request.credentials = std::move(*found);
  co_return Attempt<void>();
}

/// A body is shared by readers: the wait for its first byte is not a client's.
BodyLimits Attempts::body_limits() const {
  const PoolLimits& pool = client_.config.pool;
  const auto first = std::max(limits_.stall_timeout, client_.config.limits.first_byte_timeout);
  return {first, limits_.stall_timeout, pool.idle, pool.idle_max};
}

ConnectOptions Attempts::connect_options(MonoTime deadline) const {
  ConnectOptions options;
  options.deadline = deadline;
  options.connect_timeout = limits_.connect_timeout;
  options.stop = terms_.stop;
  options.fresh = operation_.fresh_connection;
  options.has_memory = terms_.has_memory;
  if (number_ > 1) options.names_since = now() - client_.config.pool.look_up_valid_retry;
  return options;
}

/// If a reused connection had died, sends again on a new one: the server has not answered, and very
/// likely has not seen the request.
rt::Task<Attempt<Answered>> Attempts::send(KeepLines lines) {
  count_attempt();
  Answered answered;
  answered.deadline = deadline_;
  if (limits_.attempt_timeout)
    answered.deadline = std::min(answered.deadline, now() + *limits_.attempt_timeout);
  Attempt<void> signer = co_await find_signer(answered.deadline);
  if (!signer) co_return std::unexpected(std::move(signer.error()));
  S3WorkerState& state = client_.workers[worker_.index()];
  const MonoTime deadline = std::min(answered.deadline, now() + limits_.first_byte_timeout);
  const AttemptNumber attempt_number(number_, limits_.attempts_max);
  const int64_t time = client_.clock.unix_seconds() + operation_.clock_offset;
  const std::string text = format_request(operation_.request, attempt_number, time, state.signer);
  const auto body = request().head ? HttpExchange::Body::kNone : HttpExchange::Body::kFollows;
  ConnectOptions options = connect_options(deadline);
  while (true) {
    Attempt<ConnectionPool::Lease> lease = co_await state.pool->acquire(operation_.server, options);
    if (!lease) {
      take_failure(lease.error().error, AttemptOutcome::kConnect, AttemptOutcome::kConnect);
      co_return std::unexpected(std::move(lease.error()));
    }
    answered.exchange = std::make_unique<HttpExchange>(worker_, std::move(*lease), body_limits());
    count(client_.counters->requests);
    answered.sent_at = now();
    Attempt<ResponseHead> head = co_await answered.exchange->start(text, deadline, body, lines);
    if (head) {
      answered.head = std::move(*head);
      take_head(answered);
      co_return std::move(answered);
    }
    if (!answered.exchange->died_unanswered()) {
      take_failure(head.error().error, AttemptOutcome::kTimeout, AttemptOutcome::kBroken);
      co_return std::unexpected(std::move(head.error()));
    }
    count(client_.counters->resends);
    options.fresh = true;
  }
}

void Attempts::succeeded() {
  client_.retry_budgets.succeeded(payer_, gain_);
  count_attempt();
  if (const aws::CredentialsPtr& used = operation_.request.credentials)
    client_.counters->key_refusals.accepted(used->access_key_id());
}

/// The attempt ended without a head: with `late` if there was none in time, else with `other`; with
/// kCancelled if a request was sent, and we or the client's own haste ended the attempt.
void Attempts::take_failure(const Error& error, AttemptOutcome late, AttemptOutcome other) {
  const ErrorKind kind = error.kind();
  const bool was_sent = late != AttemptOutcome::kConnect;
  const bool ended_by_us =
      kind == ErrorKind::kCancelled || (kind == ErrorKind::kTimeout && impatient_);
  if (kind == ErrorKind::kOverloaded || (ended_by_us && !was_sent)) return;
  to_head_.reset();
  outcome_ = kind == ErrorKind::kTimeout ? late : other;
  if (ended_by_us) outcome_ = AttemptOutcome::kCancelled;
}

void Attempts::take_head(const Answered& answered) {
  outcome_ = outcome_of_status(answered.head.status);
  to_head_ = now() - answered.sent_at;
}

/// Call when an attempt has ended. Does nothing if the attempt is counted already.
void Attempts::count_attempt() {
  if (!outcome_) return;
  if (is_failure(*outcome_)) to_head_.reset();
  client_.counters->attempts.count(terms_.bucket, object_, *outcome_, to_head_);
  outcome_.reset();
}

/// After a transient failure a new connection may reach a healthy server. A throttling server is
/// only busy: its connection is kept.
rt::Task<Refused> Attempts::read_refusal(Answered& answered) {
  std::optional<std::string> text = co_await answered.exchange->read_small_body(answered.deadline);
  aws::ErrorDocument document = aws::parse_error_document(text.value_or(""));
  Refused refused(failure_of(answered.head, document), std::move(document));
  refused.complete = text.has_value();
  refused.text = std::move(text).value_or("");
  Failure& failure = refused.failure;
  if (refused.document.code.empty() && !refused.text.empty())
    log::debug("origin error without a code", {{"status", answered.head.status},
                                               {"text", refused.text.substr(0, kErrorTextLogged)}});
  if (!refused.complete && failure.retry == Retry::kNever) failure.retry = Retry::kTransient;
  answered.exchange->finish_small_body(failure.retry != Retry::kTransient);
  if (failure.error.kind() == ErrorKind::kThrottled) {
    count(client_.counters->throttled);
    outcome_ = AttemptOutcome::kThrottled;
  } else if (failure.remedy == Remedy::kCredentials) {
    outcome_ = AttemptOutcome::kRefused;
  } else if (outcome_ == AttemptOutcome::kDenied && failure.error.kind() != ErrorKind::kDenied) {
    outcome_ = AttemptOutcome::kRefused;
  }
  co_return std::move(refused);
}

rt::Task<Result<void>> Attempts::recover(Failure failure) {
  const bool unusable = failure.error.kind() == ErrorKind::kUpstream;
  if (unusable && outcome_ == AttemptOutcome::kOk) outcome_ = AttemptOutcome::kBroken;
  count_attempt();
  if (terms_.stop.stop_requested()) co_return std::unexpected(cancelled());
  const bool in_time = now() < deadline_;
  log_failed_attempt(terms_, failure.error, number_, may_retry(failure) && in_time);
  if (in_time && tried_.insert(failure.remedy).second) {
    const bool remedied = co_await remedy(failure);
    if (remedied) co_return Result<void>();
  }
  if (failure.remedy == Remedy::kCredentials) note_refused_key(failure);
  if (!may_retry(failure)) co_return std::unexpected(std::move(failure.error));
  // What the client's own haste has ended is paid for by the client's attempts alone.
  const bool free = impatient_ && failure.error.kind() == ErrorKind::kTimeout;
  const uint32_t cost = free ? 0 : retry_cost(failure.retry);
  if (in_time) {
    if (!client_.retry_budgets.take(payer_, cost)) {
      count(client_.counters->retries_refused);
      co_return std::unexpected(std::move(failure.error));
    }
    if (terms_.turn != nullptr) terms_.turn->attempt_failed(failure.error);
    const bool its_turn = co_await wait_before_retry(failure);
    const bool goes_on = its_turn && now() < deadline_;
    if (!goes_on) client_.retry_budgets.give_back(payer_, cost);
    if (terms_.stop.stop_requested()) co_return std::unexpected(cancelled());
    if (!goes_on && now() < deadline_) {
      co_return fail(failure.error.kind(), failure.error.message(), ErrorCause::kHurried);
    }
  }
  if (now() >= deadline_) {
    co_return fail(ErrorKind::kTimeout,
                   "the operation timed out; the last attempt's error: " + failure.error.message());
  }
  const bool in_trouble = failure.retry == Retry::kTransient;
  const bool our_limit = failure.error.kind() == ErrorKind::kOverloaded;
  operation_.fresh_connection = operation_.fresh_connection || (in_trouble && !our_limit);
  count(client_.counters->retries);
  if (!free) gain_ = cost;
  ++number_;
  co_return Result<void>();
}

/// Waits for the backoff, or until the deadline, without a place at the gate. False: the request
/// was cancelled or hurried, or got no place again.
rt::Task<bool> Attempts::wait_before_retry(const Failure& failure) {
  const std::chrono::milliseconds backoff =
      delay_before_retry(failure, number_, limits_, client_.random.unit());
  const std::chrono::nanoseconds delay = std::min(now() + backoff, deadline_) - now();
  co_return co_await back_off(worker_, terms_, delay, deadline_);
}

/// Applies the remedy of `failure`. False: the next answer would be the same.
rt::Task<bool> Attempts::remedy(const Failure& failure) {
  switch (failure.remedy) {
    case Remedy::kNone:
      co_return false;
    case Remedy::kRegion:
      co_return follow_to_region(operation_, failure.region, client_.config, client_.learned,
                                 *client_.counters);
    case Remedy::kClock:
      co_return correct_clock(operation_, failure.store_time, client_.clock.unix_seconds(),
                              client_.learned, *client_.counters);
    case Remedy::kCredentials:
      co_return co_await replace_credentials();
    case Remedy::kNoCondition:
      co_return !std::exchange(operation_.request.if_match, "").empty();
    case Remedy::kByGet:
      co_return true;
  }
  co_return false;
}

/// The store refused the credentials, and no others were found.
void Attempts::note_refused_key(const Failure& failure) {
  count(client_.counters->credentials_refused);
  const aws::CredentialsPtr& used = operation_.request.credentials;
  if (!used) return;
  client_.counters->key_refusals.refused(
      {.access_key = used->access_key_id(),
       .object_key = terms_.key,
       .bucket_is_good = client_.counters->attempts.is_good(terms_.bucket),
       .cause = failure.error.cause()});
}

/// Looks up other credentials than those that the store refused.
rt::Task<bool> Attempts::replace_credentials() {
  const aws::CredentialsPtr refused = operation_.request.credentials;
  if (!refused) co_return false;
  const MonoTime limit = std::min(deadline_, now() + client_.config.limits.first_byte_timeout);
  aws::CredentialsPtr other = co_await client_.config.credentials->replace(worker_, refused, limit);
  if (!other) co_return false;
  operation_.request.credentials = std::move(other);
  co_return true;
}

}  // namespace cachey::origin
