#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "origin/s3/endpoint.h"
#include "origin/transport/proxy.h"

namespace cachey::origin {

/// A request to the store, without the parts that change with each attempt.
struct S3Request {
  BucketEndpoint endpoint;
  std::string path;                     ///< encoded; see aws::object_path()
  bool head = false;                    ///< HEAD, else GET
  std::vector<aws::NamedValue> query;   ///< not encoded, in any order
  std::vector<aws::NamedValue> fields;  ///< signed; REQUIRES: no control characters but tabs
  std::string if_match;                 ///< empty: no condition. REQUIRES: no control characters
  aws::CredentialsPtr credentials;      ///< null: not signed
  std::string invocation_id;            ///< the same for all attempts
  std::string traceparent{};            ///< not signed; empty: none
  std::string tracestate{};             ///< the same
  std::string_view user_agent;          ///< outlives the request
  const Proxy* http_proxy = nullptr;    ///< gets the request; null: no proxy, or a tunnel
};

struct AttemptNumber {
  uint32_t attempt = 1;
  uint32_t attempts_max = 1;
};

/// The head of the request. Signed for `unix_seconds` if there are credentials.
[[nodiscard]] std::string format_request(const S3Request& request, const AttemptNumber& number,
                                         int64_t unix_seconds, aws::Signer& signer);

/// A UUID (version 4) made of 128 random bits.
[[nodiscard]] std::string format_uuid(uint64_t high, uint64_t low);

}  // namespace cachey::origin
