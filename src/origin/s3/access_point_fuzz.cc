#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "origin/s3/access_point.h"
#include "origin/s3/endpoint.h"

/// For any bucket name, the host is below AWS's domain.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bucket(reinterpret_cast<const char*>(data), size);
  cachey::origin::EndpointOptions options;
  options.region = "eu-west-1";
  const auto endpoint = cachey::origin::resolve_endpoint(bucket, options);
  if (!endpoint) return 0;
  CHECK(endpoint->url.host.ends_with(".amazonaws.com"));
  CHECK(std::ranges::none_of(endpoint->url.host,
                             [](char c) { return c == '/' || c == ':' || c == '@' || c <= ' '; }));
  return 0;
}
