// Requests that bring pages into the cache for readers to come: HEAD with `warm=1` in C0-Config.

#include "cache/warm.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "api/fetch/fetch.h"
#include "api/preconditions.h"
#include "cache/object_look.h"

namespace cachey::api {
namespace {

using cache::RangeReader;
using cache::Warms;
using Form = AnyRange::Form;

/// How often a request begins again because its object has changed.
constexpr int kWarmAttemptsMax = 3;

}  // namespace

struct Fetch::WarmAnswer : Fetch::Exchange {
  const net::Request& request;
  const cache::FetchSpecPtr spec;
  const AnyRange asked;
  const Preconditions conditions;
  const rt::Until until;
  cache::Warmed warmed{};
};

/// The time that a request without `ot` has is the most that `ot` may say.
rt::Task<void> Fetch::answer_warm(rt::Worker& worker, const net::Request& request,
                                  net::ResponseWriter& writer, cache::FetchSpecPtr spec,
                                  AnyRange asked, KindFetchMetrics& metrics) {
  if (request.notes() != nullptr) request.notes()->operation = "Warm";
  const auto time = spec->config.operation_timeout.value_or(client_limit_max_);
  WarmAnswer warm{{writer, metrics, request.notes(), request.method()},
                  request,
                  spec,
                  asked,
                  Preconditions(request),
                  rt::Until{cache_.clock().mono() + time, writer.client_left()}};
  const bool is_too_long = asked.form == Form::kBothEnds &&
                           spec->page_size.pages_of(asked.bytes) > Warms::kRangePagesMax;
  if (is_too_long) {
    co_await refuse(warm, Error(ErrorKind::kBadRequest,
                                fmt::format("C0-Config: warm: the Range has more than {} pages",
                                            Warms::kRangePagesMax)));
    co_return;
  }
  const std::string client = request.client_address().to_string();
  for (int attempt = 0; attempt < kWarmAttemptsMax; ++attempt) {
    cache::WarmRequest wanted{spec, asked.bytes, client, &warm.conditions};
    Result<cache::Warmed> warmed =
        co_await cache_.warms().warm(worker, std::move(wanted), warm.until);
    if (!warmed) {
      const bool is_empty =
          asked.form == Form::kWhole && warmed.error().kind() == ErrorKind::kRangeNotSatisfiable;
      if (is_empty) {
        co_await answer_empty_warm(worker, warm);
      } else {
        co_await refuse(warm, std::move(warmed.error()));
      }
      co_return;
    }
    warm.warmed = std::move(*warmed);
    const bool answered = co_await answer_warmed(worker, warm);
    if (answered) co_return;
  }
  co_await refuse(warm, Error(ErrorKind::kChanged, "the object changes while it is read"));
}

/// Answers as to any HEAD. False: the pages here are of another version.
rt::Task<bool> Fetch::answer_warmed(rt::Worker& worker, WarmAnswer& warm) {
  RangeReader reader(cache_, worker, warm.spec, warm.asked.bytes, RangeReader::Use::kHead);
  reader.set_condition(&warm.conditions);
  std::optional<Result<void>> opened = reader.try_open();
  if (!opened) opened = co_await reader.open(warm.until.stop);
  Answer answer{warm, warm.request.takes_trailers(), false, reader};
  if (!*opened || reader.verdict() == cache::Verdict::kNotModified) {
    const cache::Condition* const condition = warm.conditions.empty() ? nullptr : &warm.conditions;
    co_await answer_without_range(worker, answer, condition, *opened);
    co_return true;
  }
  if (warm.warmed.may_refuse || !reader.source().same_version(*warm.warmed.source)) {
    co_return false;
  }
  answer.whole = warm.asked.form == Form::kWhole;
  answer.warmed = &warm.warmed;
  answer.metrics.asked(reader.range().size(), warm.warmed.pages);
  start_response(answer);
  co_await finish(answer);
  co_return true;
}

/// The store says that the object has no byte: there is no page to fetch.
rt::Task<void> Fetch::answer_empty_warm(rt::Worker& worker, const WarmAnswer& warm) {
  const MonoTime now = cache_.clock().mono();
  Result<ObjectSourcePtr> seen =
      co_await cache::look_at(cache_, worker, warm.spec, now, warm.until);
  if (!seen) {
    co_await refuse(warm, std::move(seen.error()));
  } else if ((*seen)->info.size != 0) {
    co_await refuse(warm, Error(ErrorKind::kChanged, "the object changes while it is read"));
  } else {
    co_await answer_without_body(warm, 200, (*seen)->info, Warm::kYes);
  }
}

}  // namespace cachey::api
