#include "origin/credentials/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/log.h"
#include "origin/transport/http_exchange.h"

namespace cachey::origin {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBackoffFirst{500};
constexpr milliseconds kBackoffMax{20'000};

// A search sends one request at a time, so it needs one connection per service.
constexpr size_t kConnectionsMax = 4;

PoolLimits pool_limits() {
  PoolLimits limits;
  limits.connections_max = kConnectionsMax;
  return limits;
}

}  // namespace

CredentialSearch::CredentialSearch(rt::Worker& worker, const CredentialServices& services,
                                   MonoTime deadline)
    : worker_(worker),
      services_(services),
      deadline_(deadline),
      resolver_(std::make_shared<Resolver>(services.blocking, services.look_up, pool_limits(),
                                           services.clock)),
      direct_(std::make_shared<ConnectionPool>(worker, resolver_, services.tls, pool_limits(),
                                               std::make_shared<TransportCounters>())),
      by_proxy_(std::make_shared<ConnectionPool>(worker, resolver_, services.tls, pool_limits(),
                                                 std::make_shared<TransportCounters>(),
                                                 services.proxies)) {}

milliseconds CredentialSearch::time_left() const {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - worker_.timers().now());
  return std::max(left, milliseconds(0));
}

rt::Task<Attempt<ServiceAnswer>> CredentialSearch::call(ServiceRequest request) {
  ConnectOptions options;
  options.deadline = deadline_;
  options.connect_timeout = request.limits.connect_timeout;
  const PoolLimits limits = pool_limits();
  const BodyLimits body_limits(request.limits.read_timeout, request.limits.read_timeout,
                               limits.idle, limits.idle_max);
  ConnectionPool& pool = request.by_proxy ? *by_proxy_ : *direct_;
  while (true) {
    Attempt<ConnectionPool::Lease> lease = co_await pool.acquire(request.server, options);
    if (!lease) co_return std::unexpected(std::move(lease.error()));
    HttpExchange exchange(worker_, std::move(*lease), body_limits);
    const MonoTime deadline =
        std::min(deadline_, worker_.timers().now() + request.limits.read_timeout);
    Attempt<ResponseHead> head = co_await exchange.start(request.text, deadline);
    if (!head && exchange.died_unanswered()) {
      options.fresh = true;
      continue;
    }
    if (!head) co_return std::unexpected(std::move(head.error()));
    std::optional<std::string> body = co_await exchange.read_small_body(deadline);
    exchange.finish_small_body(/*reuse=*/true);
    if (!body) {
      co_return std::unexpected(
          Failure(Error(ErrorKind::kUpstream, "the answer broke off"), Retry::kTransient));
    }
    co_return ServiceAnswer(std::move(*head), std::move(*body));
  }
}

rt::Task<Result<Resolver::Addresses>> CredentialSearch::resolve(std::string host) {
  Result<Resolver::Addresses> addresses =
      co_await resolver_->resolve(worker_, std::move(host), MonoTime(), deadline_);
  co_return addresses;
}

rt::Task<Result<std::string>> CredentialSearch::read_token_file(std::string path) {
  const auto work = [this, &path] { return services_.read_file(path, kTokenFileBytesMax + 1); };
  Result<std::string> text = co_await services_.blocking.run(work);
  if (!text) {
    co_return fail(text.error().kind(),
                   fmt::format("cannot read {}: {}", log::quoted(path), text.error().message()));
  }
  const bool too_long = text->size() > kTokenFileBytesMax;
  text = std::string(trimmed(without_byte_order_mark(*text), kWhiteSpace));
  if (text->empty() || too_long) {
    co_return fail(ErrorKind::kBadRequest, fmt::format("{} is empty, or longer than {} bytes",
                                                       log::quoted(path), kTokenFileBytesMax));
  }
  co_return text;
}

rt::Task<bool> CredentialSearch::back_off(unsigned failed) {
  milliseconds ceiling = kBackoffFirst;
  for (unsigned k = 1; k < failed && ceiling < kBackoffMax; ++k)
    ceiling = std::min(2 * ceiling, kBackoffMax);
  const milliseconds delay(
      static_cast<int64_t>(services_.random.unit() * static_cast<double>(ceiling.count())));
  if (delay >= time_left()) co_return false;
  if (delay.count() > 0) co_await worker_.timers().sleep(delay);
  co_return true;
}

}  // namespace cachey::origin
