#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "aws/date.h"
#include "aws/digest.h"
#include "aws/object_path.h"
#include "base/escape.h"

namespace cachey::aws {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAccessKey = "AKIAIOSFODNN7EXAMPLE";
constexpr const char* kSecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr int64_t k20130524T000000Z = 1369353600;
constexpr int64_t k20260102T030405Z = 1767323045;

struct Vector {
  const char* name;
  const char* region;
  const char* path_bucket;  // empty: the host name has the bucket
  const char* key;
  const char* token;
  const char* path;
  const char* host;
  const char* canonical_hash;
  const char* signature;
};

constexpr Vector kVectors[] = {
    {"dots and plus", "us-east-1", "my-bucket", "dir/a b+c=d.bin", "",
     "/my-bucket/dir/a%20b%2Bc%3Dd.bin", "127.0.0.1:9000",
     "79ed3f7b95ee62c994093dddbacd646ec2ba4f40005dfd45049a70430927e8a7",
     "246ccf51d1aef26b441d6ea594fbc49f6544049f908e6db1f1800acfe7245dc0"},
    {"dot segments", "us-east-1", "my-bucket", "a/.././/b.txt", "", "/my-bucket/a/.././/b.txt",
     "127.0.0.1:9000", "74251ce55b69896f9a3212bec69d8a9964aaff1a0afdc909516193506847793f",
     "1fc0c4385e5bda065bd5cfa0912ccca64ff7cae8076ea84696d3ad28313b4e1a"},
    {"unreserved and UTF-8", "us-east-1", "my-bucket", "\u00fcber/~!*'()@:,;&$.\u65e5", "",
     "/my-bucket/%C3%BCber/~%21%2A%27%28%29%40%3A%2C%3B%26%24.%E6%97%A5", "127.0.0.1:9000",
     "31b541ad81ede58fc5ed24cef256f884d9e4c57de6ba6c5e9ba16b346112bb31",
     "ec22503675d5af17ac2c75b3de443d566f154c28c9574bc6c1a7d1e5590aff28"},
    {"session token, virtual host", "eu-west-1", "", "k", "IQoJb3JpZ2luX2VjEXAMPLETOKEN==", "/k",
     "my-bucket.s3.eu-west-1.amazonaws.com",
     "4604b20e4298bf92b5065df5aa767f532178e37c2d9d12f885fffeb1f7a7650f",
     "e2f1be0219793cd56ac1a4d1cf694ed9f516443fcff4d42826dd377581a70ae0"},
};

std::string signature_of(const std::string& authorization) {
  const size_t at = authorization.find("Signature=");
  return at == std::string::npos ? "" : authorization.substr(at + 10);
}

TEST(Sigv4, SignsTheExampleOfTheS3Documentation) {
  const Credentials credentials(kAccessKey, kSecretKey, "");
  const std::vector<NamedValue> headers = {{"host", "examplebucket.s3.amazonaws.com"},
                                           {"range", "bytes=0-9"},
                                           {"x-amz-content-sha256", std::string(kEmptyPayloadHash)},
                                           {"x-amz-date", amz_date(k20130524T000000Z)}};
  RequestToSign request;
  request.path = "/test.txt";
  request.headers = headers;
  Signer signer;
  EXPECT_EQ(signer.authorization(request, {.region = "us-east-1"}, credentials, k20130524T000000Z),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Sigv4, SignsGetObjectRequests) {
  Signer signer;
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(vector.name);
    const std::string path = object_path("", vector.path_bucket, vector.key);
    EXPECT_EQ(path, vector.path);

    std::vector<NamedValue> headers = {{"host", vector.host},
                                       {"range", "bytes=0-16777215"},
                                       {"x-amz-checksum-mode", "ENABLED"},
                                       {"x-amz-content-sha256", std::string(kEmptyPayloadHash)},
                                       {"x-amz-date", amz_date(k20260102T030405Z)}};
    if (*vector.token != '\0') headers.push_back({"x-amz-security-token", vector.token});
    const std::vector<NamedValue> query = {{"x-id", "GetObject"}};
    RequestToSign request;
    request.path = path;
    request.query = query;
    request.headers = headers;
    EXPECT_EQ(hex(sha256(canonicalize(request).text)), vector.canonical_hash);
    const Credentials credentials(kAccessKey, kSecretKey, vector.token);
    const SigningScope scope{.region = vector.region};
    // The first signature derives the key, the second uses the cached key.
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(signature_of(signer.authorization(request, scope, credentials, k20260102T030405Z)),
                vector.signature);
    }
  }
}

TEST(Sigv4, KeysOfManyScopesAndSecretsAreKeptApart) {
  const std::vector<NamedValue> headers = {{"x-amz-date", amz_date(k20260102T030405Z)}};
  RequestToSign request;
  request.path = "/";
  request.headers = headers;
  Signer kept;
  for (int i = 0; i < 200; ++i) {
    const std::string region = "region-" + std::to_string(i % 70);
    const Credentials credentials(kAccessKey, "secret" + std::to_string(i % 3), "");
    Signer fresh;
    EXPECT_EQ(kept.authorization(request, {.region = region}, credentials, k20260102T030405Z),
              fresh.authorization(request, {.region = region}, credentials, k20260102T030405Z));
  }
}

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A request in the format of the vectors. A line that begins with a blank continues the header.
struct RawRequest {
  std::string method;
  std::string path;
  std::vector<NamedValue> query;
  std::vector<NamedValue> headers;
};

std::vector<NamedValue> parse_query(std::string_view text) {
  std::vector<NamedValue> query;
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view parameter = text.substr(0, end);
    const size_t equals = parameter.find('=');
    NamedValue named;
    named.name = percent_decode(parameter.substr(0, equals)).value();
    if (equals != std::string_view::npos)
      named.value = percent_decode(parameter.substr(equals + 1)).value();
    query.push_back(std::move(named));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return query;
}

RawRequest parse_raw_request(const std::string& text) {
  RawRequest request;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  request.method = line.substr(0, line.find(' '));
  const size_t target_begin = request.method.size() + 1;
  const std::string target = line.substr(target_begin, line.rfind(" HTTP/") - target_begin);
  const size_t question = target.find('?');
  percent_encode(target.substr(0, question), Slashes::kKeep, request.path);
  if (question != std::string::npos) request.query = parse_query(target.substr(question + 1));
  while (std::getline(lines, line) && !line.empty()) {
    if (line.front() == ' ') {
      request.headers.back().value += line;
      continue;
    }
    const size_t colon = line.find(':');
    NamedValue header{line.substr(0, colon), line.substr(colon + 1)};
    std::ranges::transform(header.name, header.name.begin(),
                           [](unsigned char c) { return std::tolower(c); });
    request.headers.push_back(std::move(header));
  }
  return request;
}

/// The reason to skip this case, or nothing.
std::optional<std::string> why_skipped(const std::string& name, const nlohmann::json& context) {
  if (context.value("sign_body", false)) return "signs a body";
  if (!context.value("normalize", true)) return std::nullopt;
  if (name.ends_with("-normalized")) return "normalizes the path, which S3 does not";
  return std::nullopt;
}

TEST(Sigv4, ReplaysTheVectorsOfAwsCAuth) {
  const char* data = std::getenv("CACHEY_AWS_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with sigv4/";
  int replayed = 0;
  int skipped = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(data) / "sigv4")) {
    const std::string name = entry.path().filename();
    SCOPED_TRACE(name);
    const nlohmann::json context = nlohmann::json::parse(file_text(entry.path() / "context.json"));
    if (const std::optional<std::string> reason = why_skipped(name, context)) {
      std::cout << "skipped " << name << ": " << *reason << "\n";
      ++skipped;
      continue;
    }
    ASSERT_EQ(context.at("timestamp"), "2015-08-30T12:36:00Z");
    constexpr int64_t kTime = 1440938160;
    RawRequest raw = parse_raw_request(file_text(entry.path() / "request.txt"));
    raw.headers.push_back({"x-amz-date", amz_date(kTime)});
    const nlohmann::json& keys = context.at("credentials");
    const std::string token = keys.value("token", "");
    if (!token.empty()) raw.headers.push_back({"x-amz-security-token", token});
    RequestToSign request;
    request.method = raw.method;
    request.path = raw.path;
    request.query = raw.query;
    request.headers = raw.headers;
    EXPECT_EQ(canonicalize(request).text, file_text(entry.path() / "header-canonical-request.txt"));
    const Credentials credentials(keys.at("access_key_id"), keys.at("secret_access_key"), token);
    const std::string region = context.at("region");
    const std::string service = context.at("service");
    Signer signer;
    EXPECT_EQ(signature_of(signer.authorization(request, {region, service}, credentials, kTime)),
              file_text(entry.path() / "header-signature.txt"));
    ++replayed;
  }
  std::cout << replayed << " vectors replayed, " << skipped << " skipped\n";
  EXPECT_GE(replayed, 15);
}

}  // namespace
}  // namespace cachey::aws
