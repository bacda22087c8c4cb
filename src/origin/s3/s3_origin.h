#pragma once

#include <memory>

#include "base/attributes_pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/forward.h"
#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/s3/counters.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::origin {

/// A client of an S3-compatible store: signed requests with timeouts and retries, over
/// connections of the calling worker. Any thread. Owned by app::Process, and destroyed after the
/// workers have stopped, but before they are destroyed. Suspended gets and streams may outlive the
/// client, until the workers are destroyed.
class S3Origin : public Origin, public Forwarder {
 public:
  [[nodiscard]] virtual const S3Counters& counters() const = 0;

  /// Starts the look-up of region and credentials on `worker`, so that the first get does not wait
  /// for them. Returns at once. Any thread, while the workers run.
  virtual void warm_up(rt::Worker& worker) = 0;
};

/// Fails if the trust store of `config` cannot be read. `workers`, `pool`, `attributes`, `clock`
/// and `random` must outlive every get and stream.
[[nodiscard]] Result<std::unique_ptr<S3Origin>> make_s3_origin(S3Config config,
                                                               rt::Workers& workers,
                                                               rt::BlockingPool& pool,
                                                               AttributesPool& attributes,
                                                               const Clock& clock, Random& random);

}  // namespace cachey::origin
