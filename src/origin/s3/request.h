#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/sigv4.h"
#include "base/byte_range.h"
#include "origin/s3/endpoint.h"
#include "origin/transport/proxy.h"

namespace cachey::origin {

/// A ranged GetObject, but for what each attempt adds.
struct GetObject {
  BucketEndpoint endpoint;
  std::string path;  ///< object_path()
  ByteRange range;
  std::string if_match;               ///< empty: none. REQUIRES: no control characters
  aws::CredentialsPtr credentials;    ///< null: not signed
  std::string invocation_id;          ///< one for all attempts
  std::string_view user_agent;        ///< outlives the request
  bool checksum_mode = true;          ///< ask for the object's checksums
  const Proxy* http_proxy = nullptr;  ///< asked in the server's stead. Null: none, or a tunnel
};

struct AttemptNumber {
  uint32_t attempt = 1;
  uint32_t attempts_max = 1;
};

/// The request's bytes, signed for this second where there are credentials.
[[nodiscard]] std::string format_request(const GetObject& get, const AttemptNumber& number,
                                         int64_t unix_seconds, aws::Signer& signer);

/// A random UUID of 128 given bits.
[[nodiscard]] std::string format_uuid(uint64_t high, uint64_t low);

}  // namespace cachey::origin
