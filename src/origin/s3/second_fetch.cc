#include "origin/s3/second_fetch.h"

#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "origin/s3/stream.h"

namespace cachey::origin {

rt::Task<bool> second_fetch_has_same_sum(S3ClientState& client, rt::Worker& worker,
                                         GetRequest request, aws::ExpectedChecksum sum) {
  const std::string bucket = request.bucket;
  const std::string key = request.key;
  Result<std::unique_ptr<GetStream>> second =
      co_await run_get(client, worker, std::move(request), Checksums::kIgnore);
  if (!second) co_return false;
  const bool same = co_await has_sum(**second, std::move(sum));
  if (!same) co_return false;
  switch (client.learned.wrong_sums.add(bucket, key, worker.timers().now())) {
    case WrongSums::Found::kKnown:
      break;
    case WrongSums::Found::kObject:
      log::warn("the origin announces a checksum that is not the object's: ignored for a time",
                {{"bucket", bucket}, {"key", key}});
      break;
    case WrongSums::Found::kBucket:
      log::warn("the origin announces checksums that are not its bytes': ignored for a time",
                {{"bucket", bucket}});
      break;
  }
  co_return true;
}

}  // namespace cachey::origin
