#include "api/purge_page.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "api/purge_query.h"
#include "api/reply.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr std::string_view kBusy =
    "another purge runs: a walk over all objects, or 32 purges of an object; repeat it later\n";

rt::Task<void> reply_later(net::ResponseWriter& writer, unsigned status, std::string_view text) {
  net::ResponseHead head(status);
  head.add("Retry-After", "1");
  return reply_text(writer, head, kPlainText, text);
}

}  // namespace

PurgePage::PurgePage(cache::Cache& cache, Metrics& metrics)
    : cache_(cache),
      pages_(metrics.counter("cachey_purged_pages_total", "Pages that purges removed")),
      bytes_(metrics.counter("cachey_purged_bytes_total", "Bytes that purges removed")) {
  for (size_t scope = 0; scope < kScopes.size(); ++scope) {
    for (size_t outcome = 0; outcome < kOutcomes.size(); ++outcome) {
      purges_[scope][outcome] = metrics.counter(
          "cachey_purges_total", "Purges by their result",
          {{"scope", std::string(kScopes[scope])}, {"result", std::string(kOutcomes[outcome])}});
    }
  }
}

void PurgePage::count(const KeyScope& scope, Outcome outcome) const {
  purges_[static_cast<size_t>(scope.what())][static_cast<size_t>(outcome)].add();
}

rt::Task<void> PurgePage::handle(rt::Worker& worker, const net::Request& request, Permit permit,
                                 net::ResponseWriter& writer) {
  if (request.method_name() != "POST") {
    net::ResponseHead head(405);
    head.add("Allow", "POST");
    return reply_text(writer, head, kPlainText, "the method must be POST\n");
  }
  const std::string_view target = request.target();
  const size_t mark = target.find('?');
  Result<KeyScope> scope =
      parse_purge_query(mark == std::string_view::npos ? "" : target.substr(mark + 1));
  if (!scope) return reply_error(writer, std::move(scope.error()));
  return purge(worker, std::move(*scope), permit.token_name(), writer);
}

rt::Task<void> PurgePage::purge(rt::Worker& worker, KeyScope scope, std::string token,
                                net::ResponseWriter& writer) {
  std::optional<cache::Purges::Turn> turn = cache_.purges().begin(scope);
  if (!turn) {
    count(scope, Outcome::kBusy);
    co_return co_await reply_later(writer, 409, kBusy);
  }
  const MonoTime began = cache_.clock().mono();
  Result<cache::Purged> purged = co_await cache_.purges().purge(worker, scope, std::move(*turn));
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(cache_.clock().mono() - began).count();
  const std::string_view name = kScopes[static_cast<size_t>(scope.what())];
  if (!purged) {
    count(scope, Outcome::kFailed);
    log::warn("purge failed", {{"scope", name},
                               {"kind", scope.kind()},
                               {"text", scope.text()},
                               {"token", token},
                               {"milliseconds", took},
                               {"error", purged.error().message()}});
    const std::string text =
        fmt::format("the purge holds for memory alone; repeat it: {}\n", purged.error().message());
    co_return co_await reply_later(writer, 503, text);
  }
  count(scope, Outcome::kDone);
  pages_.add(purged->pages);
  bytes_.add(purged->bytes);
  log::info("purged", {{"scope", name},
                       {"kind", scope.kind()},
                       {"text", scope.text()},
                       {"token", token},
                       {"milliseconds", took},
                       {"pages", purged->pages},
                       {"bytes", purged->bytes},
                       {"fenced", purged->fenced}});
  const std::string json = fmt::format(R"({{"pages":{},"bytes":{},"fenced":{}}})"
                                       "\n",
                                       purged->pages, purged->bytes, purged->fenced);
  co_await reply_text(writer, net::ResponseHead(200), "application/json", json);
}

}  // namespace cachey::api
