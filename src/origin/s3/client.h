#pragma once

#include <memory>
#include <string>
#include <vector>

#include "aws/sigv4.h"
#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/random.h"
#include "origin/s3/config.h"
#include "origin/s3/counters.h"
#include "origin/s3/operation.h"
#include "origin/s3/retry.h"
#include "origin/transport/connection_pool.h"

namespace cachey::origin {

/// Shared by the requests of one worker. The worker's thread.
struct S3WorkerState {
  std::shared_ptr<ConnectionPool> pool;
  aws::Signer signer;
};

/// Shared by all requests of an S3 client. Owned by the S3Origin. Any thread, except `workers`:
/// each worker uses its own element.
struct S3ClientState {
  S3ClientState(S3Config config, AttributesPool& attributes, const Clock& clock, Random& random);

  const S3Config config;
  const std::string user_agent;
  const std::shared_ptr<S3Counters> counters = std::make_shared<S3Counters>();
  AttributesPool& attributes;
  const Clock& clock;
  Random& random;
  RetryBudgets retry_budgets;
  Learnings learned;
  std::vector<S3WorkerState> workers;  // by worker index; complete before the first request
};

}  // namespace cachey::origin
