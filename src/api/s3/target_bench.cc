#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

#include "api/preconditions.h"
#include "api/s3/range.h"
#include "api/s3/target.h"

// The cost of what a parsed head asks: target, Range, conditions.

namespace cachey::api::s3 {
namespace {

using Fields = std::vector<net::Field>;

// As boto3 sends a part of a download.
const Fields kFields = {
    {"host", "cache.internal:9000"},
    {"accept-encoding", "identity"},
    {"user-agent", "Boto3/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux#6.8 lang/python#3.11"},
    {"range", "bytes=8388608-16777215"},
    {"if-match", "\"d41d8cd98f00b204e9800998ecf8427e-3\""},
    {"x-amz-checksum-mode", "ENABLED"},
    {"x-amz-date", "20261128T120000Z"},
    {"authorization", "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..."},
};
const Fields kHostFields = {{"host", "lake.s3.example.com:9000"}, {"range", "bytes=0-4095"}};

void read_target(benchmark::State& state, std::string_view text, const Fields& fields) {
  const VirtualHosts hosts = *VirtualHosts::parse(std::vector<std::string>{"s3.example.com"});
  const net::Request request(net::Method::kGet, text, fields);
  for (auto _ : state) {
    const auto target = parse_target(request, hosts);
    const AskedRange range = AskedRange::of(request);
    const Preconditions conditions(request, Preconditions::IfRange::kVoidsRange);
    benchmark::DoNotOptimize(&target);
    benchmark::DoNotOptimize(&range);
    benchmark::DoNotOptimize(&conditions);
  }
}
BENCHMARK_CAPTURE(read_target, plain, "/images/2024/05/17/photo-000123.jpg", kFields);
BENCHMARK_CAPTURE(read_target, escaped, "/lake/%C3%9Cbersicht/dt%3D2024-05-17/part-00042.parquet",
                  kFields);
BENCHMARK_CAPTURE(read_target, host, "/dt=2024-05-17/part-00042.parquet", kHostFields);
BENCHMARK_CAPTURE(read_target, query, "/images/2024/05/17/photo-000123.jpg?x-id=GetObject",
                  kFields);

}  // namespace
}  // namespace cachey::api::s3
