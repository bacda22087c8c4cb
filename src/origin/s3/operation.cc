#include "origin/s3/operation.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "aws/sigv4.h"
#include "base/escape.h"
#include "base/log.h"
#include "origin/s3/access_point.h"
#include "origin/s3/endpoint.h"
#include "origin/transport/endpoint_url.h"

namespace cachey::origin {

Result<Operation> make_operation(const GetRequest& request, const std::string& region,
                                 const S3Config& config, const Learnings& learned,
                                 int64_t unix_seconds, Random& random) {
  Operation operation;
  operation.bucket = request.bucket;
  operation.key = request.key;
  operation.path_style = request.config.path_style.value_or(config.path_style);
  const std::optional<std::string> own_region = learned.regions.find(request.bucket);
  const Result<void> found =
      use_region(operation, own_region ? *own_region : region, config, learned);
  if (!found) return std::unexpected(found.error());
  operation.fresh_connection = request.fresh_connection;
  // A weak entity tag never matches (RFC 9110, 13.1.1).
  if (!is_weak_tag(request.if_match)) operation.expected_tag = request.if_match;
  const std::optional<int64_t> refused = learned.no_if_match.find(request.bucket);
  const bool refuses = refused && std::abs(unix_seconds - *refused) < kNoIfMatchValid.count();
  if (!refuses && !has_control(operation.expected_tag)) {
    operation.request.if_match = operation.expected_tag;
  }
  operation.request.invocation_id = format_uuid(random.bits(), random.bits());
  if (request.trace != nullptr) {
    operation.request.traceparent = request.trace->traceparent(random.bits());
    operation.request.tracestate = request.trace->state;
  }
  return operation;
}

void leave_out_if_match(std::string_view bucket, Learnings& learned, int64_t unix_seconds) {
  if (!learned.no_if_match.find(bucket)) {
    log::warn("the origin refuses If-Match though the object is the same: left out from now on",
              {{"bucket", bucket}});
  }
  learned.no_if_match.set(bucket, unix_seconds);
}

bool follow_to_region(Operation& operation, const std::string& region, const S3Config& config,
                      Learnings& learned, S3Counters& counters) {
  // With an endpoint URL or an ARN, the user has chosen the region.
  if (config.endpoint || is_arn(operation.bucket)) return false;
  if (region == operation.request.endpoint.signing_region) return false;
  if (!use_region(operation, region, config, learned)) return false;
  learned.regions.set(operation.bucket, region);
  count(counters.region_redirects);
  return true;
}

bool correct_clock(Operation& operation, int64_t store_time, int64_t unix_seconds,
                   Learnings& learned, S3Counters& counters) {
  const std::string& host = operation.server.host;
  const int64_t offset = store_time - unix_seconds;
  if (std::abs(offset - operation.clock_offset) <= aws::kClockErrorMax) return false;
  operation.clock_offset = offset;
  const int64_t known = learned.clock_offsets.find(host).value_or(0);
  if (std::abs(offset - known) <= aws::kClockErrorMax) return true;  // another get was first
  learned.clock_offsets.set(host, offset);
  count(counters.clock_corrections);
  log::warn("this machine's clock is wrong, or the origin's: requests are signed for the latter's",
            {{"host", host}, {"difference_seconds", offset}});
  return true;
}

Result<void> use_region(Operation& operation, std::string_view region, const S3Config& config,
                        const Learnings& learned) {
  EndpointOptions options;
  options.region = region;
  options.custom = config.endpoint ? &*config.endpoint : nullptr;
  options.path_style = operation.path_style;
  options.fips = config.fips;
  options.dual_stack = config.dual_stack;
  Result<BucketEndpoint> endpoint = operation.bucket.empty()
                                        ? resolve_store_endpoint(options)
                                        : resolve_endpoint(operation.bucket, options);
  if (!endpoint) return std::unexpected(endpoint.error());
  const EndpointUrl& url = endpoint->url;
  operation.server = Server(url.tls, url.host, url.port);
  operation.request.http_proxy =
      url.tls ? nullptr : config.proxies->proxy_for(Scheme::kHttp, url.host);
  operation.request.path = endpoint->object_path(operation.bucket, operation.key);
  operation.clock_offset = learned.clock_offsets.find(url.host).value_or(0);
  operation.request.endpoint = std::move(*endpoint);
  return {};
}

}  // namespace cachey::origin
