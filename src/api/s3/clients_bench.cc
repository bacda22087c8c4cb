#include <benchmark/benchmark.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/s3/clients.h"
#include "aws/date.h"
#include "aws/sigv4.h"
#include "base/check.h"
#include "rt/testing/virtual_worker.h"

// All that a request costs more with keys than without: the bound is 5 us for a signed GET.

namespace cachey::api::s3 {
namespace {

constexpr int64_t kNow = 1'800'000'000;
constexpr const char* kTarget = "/images-eu/2024/05/17/photo-0000123.jpg?x-id=GetObject";

/// As boto3 signs a part of a download.
std::vector<aws::NamedValue> signed_headers() {
  std::vector<aws::NamedValue> headers = {
      {"host", "cache.example.com:9000"},
      {"range", "bytes=0-4095"},
      {"if-match", "\"d41d8cd98f00b204e9800998ecf8427e-3\""},
      {"x-amz-checksum-mode", "ENABLED"},
      {"x-amz-content-sha256", std::string(aws::kEmptyPayloadHash)},
      {"x-amz-date", aws::amz_date(kNow)}};
  const std::vector<aws::NamedValue> query = {{"x-id", "GetObject"}};
  aws::RequestToSign to_sign;
  const std::string_view target = kTarget;
  to_sign.path = target.substr(0, target.find('?'));
  to_sign.query = query;
  to_sign.headers = headers;
  aws::Signer signer;
  std::string authorization =
      signer.authorization(to_sign, {.region = "eu-west-1"},
                           aws::Credentials("AKIAIOSFODNN7EXAMPLE", "0123456789abcdef", ""), kNow);
  headers.push_back({"authorization", std::move(authorization)});
  headers.push_back(
      {"user-agent", "Boto3/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux#6.8 lang/python#3.11"});
  headers.push_back({"accept-encoding", "identity"});
  return headers;
}

void admit(benchmark::State& state, std::optional<AccessKeys> keys) {
  rt::VirtualWorker worker;
  worker.clock().set_unix_seconds(kNow);
  Clients clients(std::move(keys), {}, 1, worker.clock());
  const VirtualHosts hosts;
  const std::vector<aws::NamedValue> headers = signed_headers();
  std::vector<net::Field> fields;
  for (const auto& [name, value] : headers) fields.push_back({name, value});
  const net::Request request(net::Method::kGet, kTarget, std::move(fields));
  const auto target = parse_target(request, hosts);
  for (auto _ : state) {
    const auto grant = clients.admit(worker.worker(), request, *target, hosts);
    CHECK(grant.has_value() && (*grant)->allows(*target));
    benchmark::DoNotOptimize(&grant);
  }
}
BENCHMARK_CAPTURE(admit, open, std::nullopt);
BENCHMARK_CAPTURE(admit, keys,
                  AccessKeys::parse("AKIAIOSFODNN7EXAMPLE 0123456789abcdef prefix=2024/ "
                                    "buckets=images-*,logs")
                      .value());

}  // namespace
}  // namespace cachey::api::s3
