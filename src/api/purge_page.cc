#include "api/purge_page.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "api/reply.h"
#include "base/log.h"

namespace cachey::api {
namespace {

constexpr std::string_view kBusy =
    "too many purges run: a walk over all objects, 32 purges of an object or 32 soft ones; repeat "
    "the purge later\n";

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
    const bool is_object = static_cast<KeyScope::What>(scope) == KeyScope::What::kObject;
    for (size_t outcome = 0; outcome < kOutcomes.size() - (is_object ? 0 : 1); ++outcome) {
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
  Result<PurgeQuery> query =
      parse_purge_query(mark == std::string_view::npos ? "" : target.substr(mark + 1));
  if (!query) return reply_error(writer, std::move(query.error()));
  return purge(worker, std::move(*query), permit.token_name(), writer);
}

rt::Task<Result<cache::SoftPurged>> PurgePage::run(rt::Worker& worker, const PurgeQuery& query,
                                                   cache::Purges::Turn turn) {
  if (query.soft) {
    cache::ObjectKey key{query.scope.kind(), query.scope.text()};
    const rt::Until until{cache_.clock().mono() + kSoftTimeout, {}};
    co_return co_await cache::purge_if_changed(cache_, worker, std::move(key), std::move(turn),
                                               until);
  }
  Result<cache::Purged> purged =
      co_await cache_.purges().purge(worker, query.scope, std::move(turn));
  if (!purged) co_return std::unexpected(std::move(purged.error()));
  co_return cache::SoftPurged{.kept = false, .removed = *purged};
}

rt::Task<void> PurgePage::purge(rt::Worker& worker, PurgeQuery query, std::string token,
                                net::ResponseWriter& writer) {
  const KeyScope& scope = query.scope;
  std::optional<cache::Purges::Turn> turn =
      query.soft ? cache_.purges().begin_soft() : cache_.purges().begin(scope);
  if (!turn) {
    count(scope, Outcome::kBusy);
    co_return co_await reply_later(writer, 409, kBusy);
  }
  const MonoTime began = cache_.clock().mono();
  Result<cache::SoftPurged> done = co_await run(worker, query, std::move(*turn));
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(cache_.clock().mono() - began).count();
  const std::string_view name = kScopes[static_cast<size_t>(scope.what())];
  if (!done) {
    count(scope, Outcome::kFailed);
    log::audit(log::Level::kWarn, "purge failed",
               {{"scope", name},
                {"kind", scope.kind()},
                {"text", scope.text()},
                {"soft", query.soft},
                {"token", token},
                {"milliseconds", took},
                {"error", done.error().message()}});
    const std::string_view what = query.soft ? "it is not known whether the object has changed"
                                             : "the purge holds for memory alone";
    const std::string text = fmt::format("{}; repeat it: {}\n", what, done.error().message());
    co_return co_await reply_later(writer, 503, text);
  }
  const cache::Purged& purged = done->removed;
  count(scope, done->kept ? Outcome::kKept : Outcome::kDone);
  pages_.add(purged.pages);
  bytes_.add(purged.bytes);
  log::audit(log::Level::kInfo, "purged",
             {{"scope", name},
              {"kind", scope.kind()},
              {"text", scope.text()},
              {"soft", query.soft},
              {"kept", done->kept},
              {"token", token},
              {"milliseconds", took},
              {"pages", purged.pages},
              {"bytes", purged.bytes},
              {"fenced", purged.fenced}});
  const std::string kept = query.soft ? fmt::format(R"(,"kept":{})", done->kept) : "";
  const std::string json = fmt::format(R"({{"pages":{},"bytes":{},"fenced":{}{}}})"
                                       "\n",
                                       purged.pages, purged.bytes, purged.fenced, kept);
  co_await reply_text(writer, net::ResponseHead(200), "application/json", json);
}

}  // namespace cachey::api
