#include "origin/s3/s3_origin.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <set>
#include <utility>

#include "aws/error_document.h"
#include "base/check.h"
#include "base/log.h"
#include "origin/s3/access_point.h"
#include "origin/s3/answer.h"
#include "origin/s3/attempt_log.h"
#include "origin/s3/found_settings.h"
#include "origin/s3/operation.h"
#include "origin/s3/request.h"
#include "origin/s3/retry.h"
#include "origin/s3/stream.h"
#include "origin/transport/answer_failure.h"
#include "origin/transport/connection_pool.h"
#include "origin/transport/http_exchange.h"
#include "origin/transport/tls.h"
#include "rt/wakeup.h"

namespace cachey::origin {
namespace {

// Of an error that is none of S3's the log gets so much.
constexpr size_t kErrorTextLogged = 256;

/// A second look fetches an object again whose sum was not what the store announced; no sum is
/// asked for, nor checked.
enum class Look { kFirst, kSecond };

/// What a worker needs for its gets.
struct WorkerPart {
  std::shared_ptr<ConnectionPool> pool;
  aws::Signer signer;
};

class S3OriginImpl final : public S3Origin {
 public:
  S3OriginImpl(S3Config config, rt::Workers& workers, rt::BlockingPool& pool,
               const std::shared_ptr<boost::asio::ssl::context>& tls, const Clock& clock,
               Random& random)
      : config_(std::move(config)),
        user_agent_(user_agent(config_.app_id)),
        clock_(clock),
        random_(random) {
    for (size_t i = 0; i < workers.size(); ++i) {
      auto resolver = std::make_shared<Resolver>(workers[i], pool, config_.look_up, config_.pool);
      WorkerPart part;
      part.pool = std::make_shared<ConnectionPool>(workers[i], std::move(resolver), tls,
                                                   config_.pool, counters_, config_.proxies);
      parts_.push_back(std::move(part));
    }
  }

  rt::Task<Result<std::unique_ptr<GetStream>>> get(rt::Worker& worker,
                                                   GetRequest request) override {
    return fetch(worker, std::move(request), Look::kFirst);
  }

  [[nodiscard]] const S3Counters& counters() const override { return *counters_; }
  void warm_up(rt::Worker& worker) override {
    rt::asio::post(worker.io(),
                   [this, &worker] { worker.tasks().spawn(look_ahead(config_, worker)); });
  }

 private:
  using Stream = std::unique_ptr<S3Stream>;

  [[nodiscard]] rt::Task<Result<std::unique_ptr<GetStream>>> fetch(rt::Worker& worker,
                                                                   GetRequest request, Look look);
  void decide_on_sum(S3Stream& stream, rt::Worker& worker, GetRequest request, Look look);
  [[nodiscard]] rt::Task<bool> comes_again(rt::Worker& worker, GetRequest request,
                                           aws::ExpectedChecksum sum);
  [[nodiscard]] rt::Task<bool> remedy(rt::Worker& worker, Operation& operation, Failure failure);
  [[nodiscard]] bool set_clock(Operation& operation, int64_t store_time);
  [[nodiscard]] rt::Task<bool> replace_credentials(rt::Worker& worker, Operation& operation);
  [[nodiscard]] rt::Task<Attempt<Stream>> attempt(rt::Worker& worker, Operation& operation,
                                                  uint32_t number);
  [[nodiscard]] rt::Task<Attempt<void>> find_signer(rt::Worker& worker, Operation& operation,
                                                    MonoTime deadline);
  [[nodiscard]] rt::Task<Attempt<std::unique_ptr<HttpExchange>>> send(rt::Worker& worker,
                                                                      const Operation& operation,
                                                                      uint32_t number,
                                                                      MonoTime deadline,
                                                                      ResponseHead& head);
  [[nodiscard]] rt::Task<Attempt<Stream>> judge(std::unique_ptr<HttpExchange> exchange,
                                                ResponseHead head, ByteRange asked,
                                                MonoTime deadline);

  const S3Config config_;
  const std::string user_agent_;
  const std::shared_ptr<S3Counters> counters_ = std::make_shared<S3Counters>();
  const Clock& clock_;
  Random& random_;
  RetryTokens retry_tokens_;
  Learnings learned_;
  std::vector<WorkerPart> parts_;  // by worker
};

/// Does what `failure` asks for. False: nothing was done that could change the answer.
rt::Task<bool> S3OriginImpl::remedy(rt::Worker& worker, Operation& operation, Failure failure) {
  switch (failure.remedy) {
    case Remedy::kNone:
      co_return false;
    case Remedy::kRegion:
      // Of a store of one's own, and of an ARN, the region is what the user says.
      if (config_.endpoint || is_arn(operation.bucket)) co_return false;
      if (failure.region == operation.get.endpoint.signing_region) co_return false;
      if (!aim(operation, failure.region, config_, learned_)) co_return false;
      learned_.regions.set(operation.bucket, failure.region);
      count(counters_->region_redirects);
      co_return true;
    case Remedy::kClock:
      co_return set_clock(operation, failure.store_time);
    case Remedy::kCredentials:
      co_return co_await replace_credentials(worker, operation);
  }
  co_return false;
}

/// Credentials that the store takes no more are given up for those that there may be now.
rt::Task<bool> S3OriginImpl::replace_credentials(rt::Worker& worker, Operation& operation) {
  if (!operation.get.credentials || !config_.credentials->replace(*operation.get.credentials)) {
    co_return false;
  }
  Result<aws::CredentialsPtr> found =
      co_await find_credentials(config_, worker, operation.deadline);
  if (!found) co_return false;
  operation.get.credentials = std::move(*found);
  co_return true;
}

/// False where the operation's time was not that wrong.
bool S3OriginImpl::set_clock(Operation& operation, int64_t store_time) {
  const std::string& host = operation.server.host;
  const int64_t offset = store_time - clock_.unix_seconds();
  if (std::abs(offset - operation.clock_offset) <= aws::kClockErrorMax) return false;
  operation.clock_offset = offset;
  const int64_t learned = learned_.clock_offsets.find(host).value_or(0);
  if (std::abs(offset - learned) <= aws::kClockErrorMax) return true;  // another get was first
  learned_.clock_offsets.set(host, offset);
  count(counters_->clock_corrections);
  log::warn("this machine's clock is wrong, or the origin's: requests are signed for the latter's",
            {{"host", host}, {"difference_seconds", offset}});
  return true;
}

/// Whether the sum that came with the stream is checked, and what if it is not the body's.
void S3OriginImpl::decide_on_sum(S3Stream& stream, rt::Worker& worker, GetRequest request,
                                 Look look) {
  if (look == Look::kSecond || learned_.wrong_sums.find(request.bucket))
    return stream.pass_over_sum();
  if (request.if_match.empty()) request.if_match = stream.info().etag;
  stream.on_wrong_sum([this, &worker, request = std::move(request)](aws::ExpectedChecksum sum) {
    return comes_again(worker, request, std::move(sum));
  });
}

/// Whether the store sends bytes of this sum again: then they are what it holds, and the sums that
/// it announces for this bucket's objects are not believed any more.
rt::Task<bool> S3OriginImpl::comes_again(rt::Worker& worker, GetRequest request,
                                         aws::ExpectedChecksum sum) {
  const std::string bucket = request.bucket;
  Result<std::unique_ptr<GetStream>> second =
      co_await fetch(worker, std::move(request), Look::kSecond);
  if (!second) co_return false;
  const bool same = co_await has_sum(**second, std::move(sum));
  if (!same) co_return false;
  if (!learned_.wrong_sums.find(bucket)) {
    log::warn("the origin announces checksums that are not its bytes': passed over from now on",
              {{"bucket", bucket}});
  }
  learned_.wrong_sums.set(bucket, true);
  co_return true;
}

rt::Task<Result<std::unique_ptr<GetStream>>> S3OriginImpl::fetch(rt::Worker& worker,
                                                                 GetRequest request, Look look) {
  CHECK(!request.range.empty() && worker.index() < parts_.size());
  rt::TimerWheel& timers = worker.timers();
  const S3Limits limits = effective_limits(config_.limits, request.config);
  const MonoTime deadline =
      limits.operation_timeout ? timers.now() + *limits.operation_timeout : MonoTime::max();
  const Result<std::string> region = co_await find_region(config_, worker, deadline);
  if (!region) co_return std::unexpected(region.error());
  Result<Operation> operation = prepare(request, *region, config_, learned_, random_);
  if (!operation) co_return std::unexpected(operation.error());
  operation->get.user_agent = user_agent_;
  operation->limits = limits;
  operation->deadline = deadline;
  operation->get.checksum_mode = config_.checksum_mode && look == Look::kFirst;
  std::set<Remedy> tried;
  uint32_t gain = RetryTokens::kFirstAttemptGain;
  uint32_t number = 1;
  while (true) {
    Attempt<Stream> stream = co_await attempt(worker, *operation, number);
    if (stream) {
      retry_tokens_.give_back(gain);
      if ((*stream)->has_sum()) decide_on_sum(**stream, worker, std::move(request), look);
      co_return std::move(*stream);
    }
    if (request.stop.stop_requested())
      co_return fail(ErrorKind::kCancelled, "nobody waits for the answer");
    const Failure& failure = stream.error();
    const bool in_time = timers.now() < deadline;
    const bool retry = failure.retry != Retry::kNever && number < limits.attempts_max && in_time;
    log_failed_attempt(request, failure.error, number, retry);
    if (in_time && tried.insert(failure.remedy).second) {
      const bool remedied = co_await remedy(worker, *operation, failure);
      if (remedied) continue;
    }
    if (failure.retry == Retry::kNever || number >= limits.attempts_max)
      co_return std::unexpected(failure.error);
    const uint32_t cost = retry_cost(failure.retry);
    if (in_time && !retry_tokens_.take(cost)) {
      count(counters_->retries_refused);
      co_return std::unexpected(failure.error);
    }
    gain = cost;
    if (in_time) {
      const std::chrono::milliseconds wish =
          delay_before_retry(failure, number, limits, random_.unit());
      const std::chrono::nanoseconds delay = std::min(timers.now() + wish, deadline) - timers.now();
      if (delay.count() > 0) (void)co_await rt::sleep(worker, delay, request.stop);
    }
    if (request.stop.stop_requested()) {
      if (in_time) retry_tokens_.give_back(cost);
      co_return fail(ErrorKind::kCancelled, "nobody waits for the answer");
    }
    if (timers.now() >= deadline) {
      co_return fail(ErrorKind::kTimeout, "the operation timed out; the last attempt's error: " +
                                              failure.error.message());
    }
    const bool in_trouble = failure.retry == Retry::kTransient;
    const bool our_limit = failure.error.kind() == ErrorKind::kOverloaded;
    operation->fresh_connection = operation->fresh_connection || (in_trouble && !our_limit);
    count(counters_->retries);
    ++number;
  }
}

rt::Task<Attempt<S3OriginImpl::Stream>> S3OriginImpl::attempt(rt::Worker& worker,
                                                              Operation& operation,
                                                              uint32_t number) {
  const rt::TimerWheel& timers = worker.timers();
  MonoTime deadline = operation.deadline;
  if (operation.limits.attempt_timeout)
    deadline = std::min(deadline, timers.now() + *operation.limits.attempt_timeout);
  Attempt<void> signer = co_await find_signer(worker, operation, deadline);
  if (!signer) co_return std::unexpected(std::move(signer.error()));
  const MonoTime head_deadline =
      std::min(deadline, timers.now() + operation.limits.first_byte_timeout);
  ResponseHead head;
  Attempt<std::unique_ptr<HttpExchange>> exchange =
      co_await send(worker, operation, number, head_deadline, head);
  if (!exchange) co_return std::unexpected(std::move(exchange.error()));
  co_return co_await judge(std::move(*exchange), std::move(head), operation.get.range, deadline);
}

/// Sees to it that there is somebody to sign as.
rt::Task<Attempt<void>> S3OriginImpl::find_signer(rt::Worker& worker, Operation& operation,
                                                  MonoTime deadline) {
  if (operation.get.credentials) co_return Attempt<void>();
  Result<aws::CredentialsPtr> found = co_await find_credentials(config_, worker, deadline);
  if (!found) {
    const bool in_time = worker.timers().now() < deadline;
    co_return std::unexpected(
        Failure(std::move(found.error()), in_time ? Retry::kNever : Retry::kTransient));
  }
  operation.get.credentials = std::move(*found);
  co_return Attempt<void>();
}

/// Sends the request and reads the answer's head. Where a used connection turns out to have died,
/// once more on a new one: the server cannot have answered, and has very likely not even seen the
/// request.
rt::Task<Attempt<std::unique_ptr<HttpExchange>>> S3OriginImpl::send(rt::Worker& worker,
                                                                    const Operation& operation,
                                                                    uint32_t number,
                                                                    MonoTime deadline,
                                                                    ResponseHead& head) {
  WorkerPart& part = parts_[worker.index()];
  const AttemptNumber attempt_number(number, operation.limits.attempts_max);
  const int64_t time = clock_.unix_seconds() + operation.clock_offset;
  const std::string request = format_request(operation.get, attempt_number, time, part.signer);
  ConnectOptions options;
  options.deadline = deadline;
  options.connect_timeout = operation.limits.connect_timeout;
  options.stop = operation.stop;
  options.fresh = operation.fresh_connection;
  if (number > 1) options.names_since = worker.timers().now() - config_.pool.look_up_valid_retry;
  while (true) {
    Attempt<ConnectionPool::Lease> lease = co_await part.pool->acquire(operation.server, options);
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    const BodyLimits limits(operation.limits.stall_timeout, config_.pool.idle,
                            config_.pool.idle_max);
    auto exchange = std::make_unique<HttpExchange>(worker, std::move(*lease), limits);
    count(counters_->requests);
    Attempt<ResponseHead> answered = co_await exchange->start(request, deadline);
    if (answered) {
      head = std::move(*answered);
      co_return std::move(exchange);
    }
    if (!exchange->died_unanswered()) co_return std::unexpected(std::move(answered.error()));
    count(counters_->resends);
    options.fresh = true;
  }
}

rt::Task<Attempt<S3OriginImpl::Stream>> S3OriginImpl::judge(std::unique_ptr<HttpExchange> exchange,
                                                            ResponseHead head, ByteRange asked,
                                                            MonoTime deadline) {
  if (head.status >= 200 && head.status < 300) {
    Result<GoodAnswer> answer = check_answer(head, asked);
    if (!answer) co_return std::unexpected(Failure(std::move(answer.error())));
    co_return std::make_unique<S3Stream>(std::move(exchange), std::move(*answer), counters_);
  }
  const std::optional<std::string> body = co_await exchange->read_small_body(deadline);
  const aws::ErrorDocument document = aws::parse_error_document(body.value_or(""));
  Failure failure = failure_of(head, document);
  if (document.code.empty() && body && !body->empty())
    log::debug("origin error without a code",
               {{"status", head.status}, {"text", body->substr(0, kErrorTextLogged)}});
  if (!body && failure.retry == Retry::kNever) failure.retry = Retry::kTransient;
  // A server in trouble is better asked on a new connection, one that is busy is not.
  exchange->finish_small_body(failure.retry != Retry::kTransient);
  if (failure.error.kind() == ErrorKind::kThrottled) count(counters_->throttled);
  co_return std::unexpected(std::move(failure));
}

}  // namespace

Result<std::unique_ptr<S3Origin>> make_s3_origin(S3Config config, rt::Workers& workers,
                                                 rt::BlockingPool& pool, const Clock& clock,
                                                 Random& random) {
  Result<std::shared_ptr<boost::asio::ssl::context>> tls =
      make_tls_context(config.ca_file, config.ca_dir);
  if (!tls) return std::unexpected(tls.error());
  return std::make_unique<S3OriginImpl>(std::move(config), workers, pool, *tls, clock, random);
}

}  // namespace cachey::origin
