#include <benchmark/benchmark.h>

#include <vector>

#include "aws/date.h"
#include "aws/digest.h"
#include "aws/sigv4.h"

// The cost of signing a GET, with a cached signing key and without.

namespace cachey::aws {
namespace {

constexpr int64_t kNow = 1'767'323'045;
const std::string kSessionToken(700, 'T');  // about as long as a token of STS

std::string sign(Signer& signer, const Credentials& credentials) {
  std::vector<NamedValue> headers = {{"host", "images-eu.s3.eu-west-1.amazonaws.com"},
                                     {"range", "bytes=0-16777215"},
                                     {"x-amz-checksum-mode", "ENABLED"},
                                     {"x-amz-content-sha256", std::string(kEmptyPayloadHash)},
                                     {"x-amz-date", amz_date(kNow)}};
  const std::string& token = credentials.session_token();
  if (!token.empty()) headers.push_back({"x-amz-security-token", token});
  const std::vector<NamedValue> query = {{"x-id", "GetObject"}};
  RequestToSign request;
  request.path = "/2024/05/17/photo-0000123.jpg";
  request.query = query;
  request.headers = headers;
  return signer.authorization(request, {.region = "eu-west-1"}, credentials, kNow);
}

void sign_get(benchmark::State& state, const std::string& token) {
  const Credentials credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/EXAMPLEKEY", token);
  Signer signer;
  for (auto _ : state) benchmark::DoNotOptimize(sign(signer, credentials));
}
BENCHMARK_CAPTURE(sign_get, long_lived_key, "");
BENCHMARK_CAPTURE(sign_get, session_token, kSessionToken);

void sign_first_get_of_a_day(benchmark::State& state) {
  const Credentials credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/EXAMPLEKEY", "");
  for (auto _ : state) {
    Signer signer;
    benchmark::DoNotOptimize(sign(signer, credentials));
  }
}
BENCHMARK(sign_first_get_of_a_day);

}  // namespace
}  // namespace cachey::aws
