#include <benchmark/benchmark.h>

#include "api/fetch/config_header.h"
#include "api/fetch/request.h"

// The cost of checking a parsed head and making the spec.

namespace cachey::api {
namespace {

using Fields = std::vector<net::Field>;

const Fields kPlain = {{"host", "cache.internal:8080"},
                       {"user-agent", "curl/7.88.1"},
                       {"accept", "*/*"},
                       {"range", "bytes=0-65535"}};
const Fields kWithTerms = {
    {"host", "cache.internal:8080"},      {"user-agent", "Apache-HttpClient/5.2.1 (Java/17.0.10)"},
    {"accept-encoding", "identity"},      {"range", "bytes=134217728-142606335"},
    {"c0-bucket", "lake-eu-west-1"},      {"c0-bucket", "lake-eu-central-1"},
    {"c0-config", "ct=1000 ot=5000 ma=3"}};

void read_fetch(benchmark::State& state, std::string_view target, const Fields& fields) {
  static Metrics metrics;
  static cache::CacheMetrics cache_metrics(metrics, 10);
  static Access access(metrics, std::nullopt, {});
  const net::Request request(net::Method::kGet, target, fields);
  for (auto _ : state) {
    Result<cache::ObjectKey> key = parse_fetch_target(request.target());
    if (!key) return state.SkipWithError("the target was refused");
    Result<FetchFields> parsed = parse_fetch_fields(request, kClientLimitMax);
    if (!parsed) return state.SkipWithError("the fields were refused");
    const std::optional<Permit> permit = access.admit(Scope::kClient, request);
    Result<AllowedBuckets> buckets =
        permit->allow(key->kind, key->object, std::move(parsed->buckets));
    const cache::FetchSpecPtr spec = make_fetch_spec(std::move(*key), std::move(*buckets), *parsed,
                                                     PageSize(), cache_metrics, request.id());
    benchmark::DoNotOptimize(spec.get());
  }
}
BENCHMARK_CAPTURE(read_fetch, plain, "/fetch/images/2024/05/17/photo-000123.jpg", kPlain);
BENCHMARK_CAPTURE(read_fetch, with_terms,
                  "/fetch/lake/%C3%9Cbersicht/dt=2024-05-17/part-00042-c000.snappy.parquet",
                  kWithTerms);

}  // namespace
}  // namespace cachey::api
