#pragma once

#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "origin/origin.h"
#include "origin/s3/config.h"
#include "origin/s3/counters.h"
#include "rt/blocking_pool.h"
#include "rt/worker.h"

namespace cachey::origin {

/// A client of an S3-compatible store: signed ranged GETs over connections of the calling worker's
/// own, with time-outs and retries. Thread-safe; owned by main. Destroyed when the workers have
/// stopped and before they are; streams and gets that are left then may outlive it, until the
/// workers end.
class S3Origin : public Origin {
 public:
  [[nodiscard]] virtual const S3Counters& counters() const = 0;

  /// Looks on `worker` for what the first get needs, region and credentials, so that it need not
  /// wait. Returns at once. Any thread, while the workers run.
  virtual void warm_up(rt::Worker& worker) = 0;
};

/// Fails where the trust store that `config` names cannot be read. `workers`, `pool`, `clock` and
/// `random` must outlive every get and stream.
[[nodiscard]] Result<std::unique_ptr<S3Origin>> make_s3_origin(S3Config config,
                                                               rt::Workers& workers,
                                                               rt::BlockingPool& pool,
                                                               const Clock& clock, Random& random);

}  // namespace cachey::origin
