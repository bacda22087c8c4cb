#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "aws/date.h"
#include "aws/signature_check.h"
#include "aws/sigv4.h"
#include "base/check.h"

// The cost of checking the signature of a GET, with a cached signing key.

namespace cachey::aws {
namespace {

constexpr int64_t kNow = 1'767'323'045;

void check_get(benchmark::State& state) {
  const auto credentials = std::make_shared<const Credentials>(
      "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/EXAMPLEKEY", "");
  const std::vector<NamedValue> headers = {{"host", "cache.example.com:9000"},
                                           {"range", "bytes=0-4095"},
                                           {"x-amz-checksum-mode", "ENABLED"},
                                           {"x-amz-content-sha256", std::string(kEmptyPayloadHash)},
                                           {"x-amz-date", amz_date(kNow)}};
  const std::vector<NamedValue> query = {{"x-id", "GetObject"}};
  RequestToSign to_sign;
  to_sign.path = "/images-eu/2024/05/17/photo-0000123.jpg";
  to_sign.query = query;
  to_sign.headers = headers;
  Signer signer;
  const std::string authorization =
      signer.authorization(to_sign, {.region = "eu-west-1"}, *credentials, kNow);
  std::vector<HeaderView> received = {
      {"authorization", authorization},
      {"user-agent", "Boto3/1.35.0 md/Botocore#1.35.0 ua/2.0 os/linux#6.1.0 lang/python#3.11.2"},
      {"accept-encoding", "identity"}};
  for (const NamedValue& header : headers) received.push_back({header.name, header.value});
  const ReceivedRequest request{
      .method = "GET", .path = to_sign.path, .query = query, .headers = received};
  const CredentialsLookUp look_up = [&credentials](std::string_view) { return credentials.get(); };
  SignatureChecker checker({});
  for (auto _ : state) {
    const auto checked = checker.check(request, look_up, kNow);
    CHECK(checked.has_value());
    benchmark::DoNotOptimize(checked);
  }
}
BENCHMARK(check_get);

}  // namespace
}  // namespace cachey::aws
