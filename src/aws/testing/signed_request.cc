#include "aws/testing/signed_request.h"

#include <memory>
#include <utility>

#include "aws/date.h"
#include "aws/digest.h"
#include "aws/sigv4.h"
#include "base/ascii.h"

namespace cachey::aws {

CredentialsPtr example_keys(const std::string& token) {
  return std::make_shared<const Credentials>(kExampleId, kExampleSecret, token);
}

CredentialsLookUp knows(CredentialsPtr credentials) {
  return [credentials = std::move(credentials)](std::string_view id) {
    return id == credentials->access_key_id() ? credentials.get() : nullptr;
  };
}

void TestRequest::set(const std::string& name, const std::string& value) {
  std::erase_if(headers, [&](const NamedValue& header) { return header.name == name; });
  headers.push_back({name, value});
}

Checked check(SignatureChecker& checker, const TestRequest& request, int64_t now,
              const CredentialsLookUp& look_up) {
  const auto query = decode_query(request.query);
  if (!query) return std::unexpected(query.error());
  const std::vector<NamedValue> fields = lower_case_names(request.headers);
  std::vector<HeaderView> headers;
  for (const NamedValue& field : fields) headers.push_back({field.name, field.value});
  return checker.check({.method = request.method,
                        .path = request.path,
                        .query = *query,
                        .headers = headers,
                        .bucket_of_host = request.bucket_of_host,
                        .other_hosts = request.other_hosts},
                       look_up, now);
}

Checked check(const TestRequest& request, int64_t now, const CredentialsLookUp& look_up) {
  SignatureChecker checker({});
  return check(checker, request, now, look_up);
}

std::optional<SignatureFault> fault_of(const TestRequest& request, int64_t now,
                                       const CredentialsLookUp& look_up) {
  const auto checked = check(request, now, look_up);
  return checked ? std::nullopt : std::optional(checked.error().fault);
}

std::vector<NamedValue> lower_case_names(std::vector<NamedValue> headers) {
  for (NamedValue& header : headers) header.name = lower_case(header.name);
  return headers;
}

TestRequest signed_by_header(TestRequest request, std::string_view payload_hash,
                             const Credentials& credentials) {
  const std::vector<NamedValue> query = decode_query(request.query).value();
  request.headers.push_back({"X-Amz-Date", amz_date(kSignedAt)});
  request.headers.push_back({"x-amz-content-sha256", std::string(payload_hash)});
  if (!credentials.session_token().empty())
    request.headers.push_back({"x-amz-security-token", credentials.session_token()});
  const std::vector<NamedValue> headers = lower_case_names(request.headers);
  RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = request.path;
  to_sign.query = query;
  to_sign.headers = headers;
  to_sign.payload_hash = payload_hash;
  Signer signer;
  request.headers.push_back({"Authorization", signer.authorization(to_sign, {.region = "us-east-1"},
                                                                   credentials, kSignedAt)});
  return request;
}

TestRequest signed_by_query(TestRequest request, const std::string& expires, int64_t time) {
  const std::string date = amz_date(time);
  const std::string_view day = std::string_view(date).substr(0, kDayBytes);
  const SigningScope scope{.region = "us-east-1"};
  std::vector<NamedValue> query = decode_query(request.query).value();
  query.push_back({"X-Amz-Algorithm", std::string(kSigningAlgorithm)});
  query.push_back({"X-Amz-Credential", std::string(kExampleId) + "/" + scope_text(day, scope)});
  query.push_back({"X-Amz-Date", date});
  query.push_back({"X-Amz-Expires", expires});
  query.push_back({"X-Amz-SignedHeaders", "host"});
  const std::vector<NamedValue> headers = {{"host", request.headers.front().value}};
  RequestToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = request.path;
  to_sign.query = query;
  to_sign.headers = headers;
  to_sign.payload_hash = "UNSIGNED-PAYLOAD";
  const std::string text = string_to_sign(date, scope_text(day, scope), canonicalize(to_sign).text);
  query.push_back({"X-Amz-Signature", hex(hmac(signing_key(day, scope, kExampleSecret), text))});
  request.query = canonical_query(query);
  return request;
}

TestRequest documented_get(const std::string& signature) {
  TestRequest request;
  request.set("Range", "bytes=0-9");
  request.set("x-amz-content-sha256", std::string(kEmptyPayloadHash));
  request.set("x-amz-date", "20130524T000000Z");
  request.set("Authorization",
              "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
              "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=" +
                  signature);
  return request;
}

}  // namespace cachey::aws
