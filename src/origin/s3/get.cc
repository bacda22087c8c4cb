#include "origin/s3/get.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "aws/error_document.h"
#include "base/check.h"
#include "base/log.h"
#include "origin/back_off.h"
#include "origin/s3/answer.h"
#include "origin/s3/attempt_log.h"
#include "origin/s3/found_settings.h"
#include "origin/s3/request.h"
#include "origin/s3/second_fetch.h"
#include "origin/s3/stream.h"
#include "origin/transport/answer_failure.h"
#include "origin/transport/http_exchange.h"
#include "origin/transport/request_head.h"
#include "rt/wakeup.h"

namespace cachey::origin {
namespace {

// The log gets at most this many bytes of an error without a code.
constexpr size_t kErrorTextLogged = 256;

/// Whether an answer to a HEAD, which has no error document, does not say what is wrong: with the
/// signature, the token, the clock, the region, or the right to read; or the store has no HEAD.
bool is_unexplained(unsigned status, const GetRequest& request) {
  constexpr std::array kStatuses = {400U, 401U, 403U, 405U, 416U, 501U};
  if (status == 404) return request.explain_absence;
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

Error cancelled() { return {ErrorKind::kCancelled, "nobody waits for the answer"}; }

/// The state of one get. Owned by run_get(). The worker's thread.
class S3Get {
 public:
  using Stream = std::unique_ptr<S3Stream>;

  S3Get(S3ClientState& client, rt::Worker& worker, GetRequest request, Checksums checksums)
      : client_(client),
        worker_(worker),
        request_(std::move(request)),
        checksums_(checksums),
        limits_(effective_limits(client.config.limits, request_.config)),
        impatient_(is_impatient(limits_, client.config.limits)),
        payer_(request_.bucket, std::hash<std::string>()(request_.key),
               request_.config.path_style.value_or(client.config.path_style) !=
                   client.config.path_style),
        deadline_(find_deadline()) {}

  [[nodiscard]] MonoTime deadline() const { return deadline_; }

  /// Call before the first attempt.
  [[nodiscard]] Result<void> prepare(const std::string& region);
  [[nodiscard]] rt::Task<Attempt<Stream>> attempt();
  /// Call after the successful attempt.
  [[nodiscard]] Stream finish(Stream stream);
  /// Call after a failed attempt. Success: try again. An error: the get fails with this error.
  [[nodiscard]] rt::Task<Result<void>> recover(Failure failure);

 private:
  [[nodiscard]] MonoTime now() const { return worker_.timers().now(); }
  [[nodiscard]] MonoTime find_deadline() const;

  // Steps of an attempt.
  [[nodiscard]] rt::Task<Attempt<void>> find_signer(MonoTime deadline);
  [[nodiscard]] rt::Task<Attempt<void>> send(MonoTime deadline);
  [[nodiscard]] rt::Task<Attempt<Stream>> read_answer(MonoTime deadline);
  [[nodiscard]] rt::Task<Attempt<Stream>> take_answer(std::unique_ptr<HttpExchange> exchange);
  [[nodiscard]] rt::Task<Failure> read_failure(HttpExchange& exchange, MonoTime deadline);
  [[nodiscard]] Attempt<void> check_tag(const ObjectInfo& info);
  [[nodiscard]] ConnectOptions connect_options(MonoTime deadline) const;

  // Steps after a failed attempt.
  [[nodiscard]] bool may_retry(const Failure& failure) const {
    return failure.retry != Retry::kNever && number_ < limits_.attempts_max;
  }
  [[nodiscard]] rt::Task<bool> wait_before_retry(const Failure& failure);
  [[nodiscard]] rt::Task<bool> remedy(const Failure& failure);
  [[nodiscard]] rt::Task<bool> replace_credentials();

  S3ClientState& client_;
  rt::Worker& worker_;
  GetRequest request_;
  const Checksums checksums_;
  const S3Limits limits_;
  const bool impatient_;  // a timeout may be the client's own doing
  const RetryPayer payer_;
  const MonoTime deadline_;
  Operation operation_;
  uint32_t number_ = 1;  // of the current attempt
  uint32_t gain_ = RetryTokens::kFirstAttemptGain;
  std::set<Remedy> tried_;
  // Set by send(), for read_answer().
  std::unique_ptr<HttpExchange> exchange_;
  ResponseHead head_;
  MonoTime sent_at_;
};

MonoTime S3Get::find_deadline() const {
  const auto limit = get_limit(limits_, client_.config.limits, request_.config);
  return limit ? now() + *limit : MonoTime::max();
}

Result<void> S3Get::prepare(const std::string& region) {
  Result<Operation> operation = make_operation(request_, region, client_.config, client_.learned,
                                               client_.clock.unix_seconds(), client_.random);
  if (!operation) return std::unexpected(std::move(operation.error()));
  operation_ = std::move(*operation);
  operation_.get.user_agent = client_.user_agent;
  operation_.get.checksum_mode = client_.config.checksum_mode && checksums_ == Checksums::kCompare;
  return {};
}

rt::Task<Attempt<S3Get::Stream>> S3Get::attempt() {
  MonoTime deadline = deadline_;
  if (limits_.attempt_timeout) deadline = std::min(deadline, now() + *limits_.attempt_timeout);
  Attempt<void> signer = co_await find_signer(deadline);
  if (!signer) co_return std::unexpected(std::move(signer.error()));
  const MonoTime head_deadline = std::min(deadline, now() + limits_.first_byte_timeout);
  Attempt<void> sent = co_await send(head_deadline);
  if (!sent) co_return std::unexpected(std::move(sent.error()));
  co_return co_await read_answer(deadline);
}

/// Looks up credentials unless the operation has some. Waits for a search no longer than for the
/// store's answer.
rt::Task<Attempt<void>> S3Get::find_signer(MonoTime deadline) {
  if (operation_.get.credentials) co_return Attempt<void>();
  const MonoTime limit = std::min(deadline, now() + client_.config.limits.first_byte_timeout);
  Result<aws::CredentialsPtr> found = co_await find_credentials(client_.config, worker_, limit);
  if (!found && now() < deadline) co_return std::unexpected(Failure(std::move(found.error())));
  if (!found) {
    Error late(ErrorKind::kTimeout, found.error().message(), ErrorCause::kNoCredentials);
    co_return std::unexpected(Failure(std::move(late), Retry::kTransient));
  }
  operation_.get.credentials = std::move(*found);
  co_return Attempt<void>();
}

ConnectOptions S3Get::connect_options(MonoTime deadline) const {
  ConnectOptions options;
  options.deadline = deadline;
  options.connect_timeout = limits_.connect_timeout;
  options.stop = request_.stop;
  options.fresh = operation_.fresh_connection;
  options.has_memory = request_.has_memory;
  if (number_ > 1) options.names_since = now() - client_.config.pool.look_up_valid_retry;
  return options;
}

/// Sends the request and reads the answer's head. If a reused connection had died, sends again on a
/// new one: the server has not answered, and very likely has not seen the request.
rt::Task<Attempt<void>> S3Get::send(MonoTime deadline) {
  S3WorkerState& state = client_.workers[worker_.index()];
  const AttemptNumber attempt_number(number_, limits_.attempts_max);
  const int64_t time = client_.clock.unix_seconds() + operation_.clock_offset;
  const std::string request = format_request(operation_.get, attempt_number, time, state.signer);
  ConnectOptions options = connect_options(deadline);
  while (true) {
    Attempt<ConnectionPool::Lease> lease = co_await state.pool->acquire(operation_.server, options);
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    const PoolLimits& pool = client_.config.pool;
    // A body is shared by readers: the wait for its first byte is not a client's.
    const auto first = std::max(limits_.stall_timeout, client_.config.limits.first_byte_timeout);
    const BodyLimits body_limits(first, limits_.stall_timeout, pool.idle, pool.idle_max);
    auto exchange = std::make_unique<HttpExchange>(worker_, std::move(*lease), body_limits);
    count(client_.counters->requests);
    sent_at_ = now();
    const auto body =
        operation_.get.ask == Ask::kHead ? HttpExchange::Body::kNone : HttpExchange::Body::kFollows;
    Attempt<ResponseHead> answered = co_await exchange->start(request, deadline, body);
    if (answered) {
      exchange_ = std::move(exchange);
      head_ = std::move(*answered);
      co_return Attempt<void>();
    }
    if (!exchange->died_unanswered()) co_return std::unexpected(std::move(answered.error()));
    count(client_.counters->resends);
    options.fresh = true;
  }
}

rt::Task<Attempt<S3Get::Stream>> S3Get::read_answer(MonoTime deadline) {
  std::unique_ptr<HttpExchange> exchange = std::move(exchange_);
  if (head_.status >= 200 && head_.status < 300) {
    if (head_.chunked && head_.content_range.empty()) {
      const bool empty = co_await exchange->is_empty(deadline);
      if (empty) head_.content_length = 0;
    }
    co_return co_await take_answer(std::move(exchange));
  }
  Failure failure = co_await read_failure(*exchange, deadline);
  co_return std::unexpected(std::move(failure));
}

/// Checks the head of a 2xx. The body of an answer to a HEAD has been read: none, or a byte that
/// was asked for instead.
rt::Task<Attempt<S3Get::Stream>> S3Get::take_answer(std::unique_ptr<HttpExchange> exchange) {
  const bool is_head = operation_.get.ask == Ask::kHead;
  if (is_head) exchange->finish_bodiless();
  Result<GoodAnswer> answer = check_answer(head_, operation_.get.range, operation_.get.ask);
  if (!answer) {
    Failure failure(std::move(answer.error()));
    if (is_head) failure.remedy = Remedy::kByGet;
    co_return std::unexpected(std::move(failure));
  }
  Attempt<void> checked = check_tag(answer->info);
  if (!checked) co_return std::unexpected(std::move(checked.error()));
  answer->info.attributes = client_.attributes.intern(std::move(head_.attributes));
  if (request_.ask == Ask::kHead && !is_head) {
    std::byte byte{};
    exchange->expect_body(answer->range.size());
    (void)co_await exchange->read(std::span(&byte, 1));  // so that the connection can be used again
    answer->range = ByteRange();
    answer->checksum.reset();
  }
  co_return std::make_unique<S3Stream>(std::move(exchange), std::move(*answer), sent_at_,
                                       client_.counters);
}

/// Compares the tag, if the store was not asked to. The store cannot do If-Match if it refused that
/// of an object with this very tag.
Attempt<void> S3Get::check_tag(const ObjectInfo& info) {
  const std::string& expected = operation_.expected_tag;
  if (expected.empty() || !operation_.get.if_match.empty()) return {};
  if (info.etag != expected) {
    return std::unexpected(Failure(Error(ErrorKind::kChanged, "the object has another tag")));
  }
  if (tried_.contains(Remedy::kNoCondition))
    leave_out_if_match(request_.bucket, client_.learned, client_.clock.unix_seconds());
  return {};
}

/// Reads the error document and classifies the failure.
rt::Task<Failure> S3Get::read_failure(HttpExchange& exchange, MonoTime deadline) {
  const std::optional<std::string> body = co_await exchange.read_small_body(deadline);
  const aws::ErrorDocument document = aws::parse_error_document(body.value_or(""));
  Failure failure = failure_of(head_, document);
  if (document.code.empty() && body && !body->empty())
    log::debug("origin error without a code",
               {{"status", head_.status}, {"text", body->substr(0, kErrorTextLogged)}});
  if (!body && failure.retry == Retry::kNever) failure.retry = Retry::kTransient;
  const bool nothing_at_0 = failure.error.kind() == ErrorKind::kRangeNotSatisfiable &&
                            !failure.error.object_size() && operation_.get.range.begin == 0;
  if (nothing_at_0) failure.error = Error::range_not_satisfiable(0);
  const bool is_head = operation_.get.ask == Ask::kHead;
  if (failure.remedy == Remedy::kNone && !is_head && may_refuse_condition(head_.status, failure)) {
    failure.remedy = Remedy::kNoCondition;
  }
  if (is_head && is_unexplained(head_.status, request_)) failure.remedy = Remedy::kByGet;
  // After a transient failure a new connection may reach a healthy server. A throttling server is
  // only busy: its connection is kept.
  exchange.finish_small_body(failure.retry != Retry::kTransient);
  if (failure.error.kind() == ErrorKind::kThrottled) count(client_.counters->throttled);
  co_return failure;
}

/// Decides whether the stream compares its sum, and what happens if the sum is wrong.
S3Get::Stream S3Get::finish(Stream stream) {
  client_.retry_budgets.succeeded(payer_, gain_);
  if (!stream->has_sum()) return stream;
  if (checksums_ == Checksums::kIgnore ||
      client_.learned.wrong_sums.ignores(request_.bucket, request_.key, now())) {
    stream->ignore_sum();
    return stream;
  }
  if (request_.if_match.empty()) request_.if_match = stream->info().etag;
  request_.turn = nullptr;  // the body has the place at the gate
  stream->on_wrong_sum([&client = client_, &worker = worker_,
                        request = std::move(request_)](aws::ExpectedChecksum sum) {
    return second_fetch_has_same_sum(client, worker, request, std::move(sum));
  });
  return stream;
}

rt::Task<Result<void>> S3Get::recover(Failure failure) {
  if (request_.stop.stop_requested()) co_return std::unexpected(cancelled());
  const bool in_time = now() < deadline_;
  log_failed_attempt(request_, failure.error, number_, may_retry(failure) && in_time);
  if (in_time && tried_.insert(failure.remedy).second) {
    const bool remedied = co_await remedy(failure);
    if (remedied) co_return Result<void>();
  }
  if (!may_retry(failure)) co_return std::unexpected(std::move(failure.error));
  // What the client's own haste has ended is paid for by the client's attempts alone.
  const bool free = impatient_ && failure.error.kind() == ErrorKind::kTimeout;
  const uint32_t cost = free ? 0 : retry_cost(failure.retry);
  if (in_time) {
    if (!client_.retry_budgets.take(payer_, cost)) {
      count(client_.counters->retries_refused);
      co_return std::unexpected(std::move(failure.error));
    }
    if (request_.turn != nullptr) request_.turn->attempt_failed(failure.error);
    const bool its_turn = co_await wait_before_retry(failure);
    const bool goes_on = its_turn && now() < deadline_;
    if (!goes_on) client_.retry_budgets.give_back(payer_, cost);
    if (request_.stop.stop_requested()) co_return std::unexpected(cancelled());
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
rt::Task<bool> S3Get::wait_before_retry(const Failure& failure) {
  const std::chrono::milliseconds backoff =
      delay_before_retry(failure, number_, limits_, client_.random.unit());
  const std::chrono::nanoseconds delay = std::min(now() + backoff, deadline_) - now();
  co_return co_await back_off(worker_, request_, delay, deadline_);
}

/// Applies the remedy of `failure`. False: the next answer would be the same.
rt::Task<bool> S3Get::remedy(const Failure& failure) {
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
      // From now on check_tag() compares the tag.
      co_return !std::exchange(operation_.get.if_match, "").empty();
    case Remedy::kByGet:
      operation_.get.ask = Ask::kRange;
      operation_.get.range = {0, 1};
      co_return true;
  }
  co_return false;
}

/// Looks up other credentials than those that the store refused.
rt::Task<bool> S3Get::replace_credentials() {
  const aws::CredentialsPtr refused = operation_.get.credentials;
  if (!refused) co_return false;
  const MonoTime limit = std::min(deadline_, now() + client_.config.limits.first_byte_timeout);
  aws::CredentialsPtr other = co_await client_.config.credentials->replace(worker_, refused, limit);
  if (!other) co_return false;
  operation_.get.credentials = std::move(other);
  co_return true;
}

}  // namespace

S3ClientState::S3ClientState(S3Config config_given, AttributesPool& attributes_given,
                             const Clock& clock_given, Random& random_given)
    : config(std::move(config_given)),
      user_agent(cachey::origin::user_agent(config.app_id)),
      attributes(attributes_given),
      clock(clock_given),
      random(random_given) {}

rt::Task<Result<std::unique_ptr<GetStream>>> run_get(S3ClientState& client, rt::Worker& worker,
                                                     GetRequest request, Checksums checksums) {
  CHECK(request.ask == Ask::kHead || !request.range.empty());
  CHECK(worker.index() < client.workers.size());
  S3Get get(client, worker, std::move(request), checksums);
  const Result<std::string> region = co_await find_region(client.config, worker, get.deadline());
  if (!region) co_return std::unexpected(region.error());
  Result<void> prepared = get.prepare(*region);
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  while (true) {
    Attempt<S3Get::Stream> stream = co_await get.attempt();
    if (stream) co_return get.finish(std::move(*stream));
    Result<void> recovered = co_await get.recover(std::move(stream.error()));
    if (!recovered) co_return std::unexpected(std::move(recovered.error()));
  }
}

}  // namespace cachey::origin
