#include <benchmark/benchmark.h>

#include <string>

#include "net/http/head.h"

// The cost of finding the end of a request's head, and of parsing it.

namespace cachey::net {
namespace {

constexpr std::string_view kCurl =
    "GET /fetch/images/2024/05/17/photo-000123.jpg HTTP/1.1\r\n"
    "Host: cache.internal:8080\r\n"
    "User-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\n"
    "Range: bytes=0-65535\r\n"
    "C0-Bucket: images-eu\r\n"
    "\r\n";

constexpr std::string_view kThroughProxies =
    "GET /fetch/lake/warehouse/events/dt=2024-05-17/part-00042-c000.snappy.parquet HTTP/1.1\r\n"
    "Host: cache.internal:8080\r\n"
    "User-Agent: Apache-HttpClient/5.2.1 (Java/17.0.10) spark/3.5.1\r\n"
    "Accept: application/octet-stream, */*;q=0.8\r\n"
    "Accept-Encoding: identity\r\n"
    "Range: bytes=134217728-142606335\r\n"
    "C0-Bucket: lake-eu-west-1\r\n"
    "C0-Bucket: lake-eu-central-1\r\n"
    "C0-Config: ct=1000 ot=5000 ma=3\r\n"
    "Authorization: Bearer 4bf92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6\r\n"
    "X-Forwarded-For: 10.20.30.40, 10.0.0.7\r\n"
    "X-Request-Id: 7f1a0b52-6a1c-4a39-9d10-3d6f9c1f4a11\r\n"
    "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

void scan_head(benchmark::State& state, std::string_view text) {
  for (auto _ : state) {
    HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.scan(text));
    benchmark::DoNotOptimize(scanner.end());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(scan_head, curl, kCurl);
BENCHMARK_CAPTURE(scan_head, through_proxies, kThroughProxies);

void read_head(benchmark::State& state, std::string_view sent) {
  std::string text(sent);
  RequestHead head;
  std::vector<Field> fields;
  for (auto _ : state) {
    if (parse_head(text, head, fields) != HeadFault::kNone) state.SkipWithError("refused");
    benchmark::DoNotOptimize(fields.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(read_head, curl, kCurl);
BENCHMARK_CAPTURE(read_head, through_proxies, kThroughProxies);

}  // namespace
}  // namespace cachey::net
