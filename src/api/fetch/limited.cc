// Requests of clients that may have limits.

#include <optional>
#include <string>
#include <utility>

#include "api/client_limiter.h"
#include "api/fetch/fetch.h"
#include "api/reply.h"

namespace cachey::api {

rt::Task<void> Fetch::serve_limited(rt::Worker& worker, const net::Request& request, Permit permit,
                                    net::ResponseWriter& writer) {
  std::string client = permit.client(request);
  ClientLimiter::Visit visit(*accounts_.limiter, client);
  std::optional<Error> refusal = visit.refusal();
  if (refusal) {
    accounts_.count(worker, client, {.limited = true});
    Result<cache::ObjectKey> key = parse_fetch_target(request.target());
    if (key) {
      KindFetchMetrics& metrics = metrics_.of(key->kind);
      metrics.started(request.method());
      metrics.failed(request.method(), KindFetchMetrics::Stage::kInit, refusal->kind());
    }
    co_await reply_error(writer, std::move(*refusal));
    co_return;
  }
  VisitWriter counted(worker, writer, visit, request.method() == net::Method::kHead);
  const Misses misses = visit.may_miss() ? Misses::kAllowed : Misses::kRefused;
  rt::Task<void> rest = serve(worker, request, permit, counted, misses);
  if (rest.valid()) co_await std::move(rest);
}

/// At the end of a request that had a reader. `opened`: of the reader.
void Fetch::count_use(const Answer& answer, rt::Worker& worker, const Result<void>& opened) const {
  const bool limited = !opened && opened.error().kind() == ErrorKind::kLimited;
  accounts_.count(
      worker, answer.reader.spec()->client,
      {.miss = !answer.reader.hit(), .limited = limited, .bytes = answer.reader.sent_bytes()});
}

}  // namespace cachey::api
