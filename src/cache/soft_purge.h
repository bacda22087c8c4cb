#pragma once

#include "base/error.h"
#include "cache/cache.h"
#include "cache/object_key.h"
#include "cache/purges.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::cache {

/// What a soft purge has found and done.
struct SoftPurged {
  bool kept = false;  ///< the store still has what the cache has
  Purged removed;     ///< if not; `fenced` in any case
};

/// Asks the store for the version of an object that memory or the disk knows, of each bucket that
/// its pages are from. If all are the same, the pages stay, and the answers are the newest ones
/// about the object; else the object is purged, as Purges::purge() does. So later requests get
/// bytes that the store had after this began. An object of which no version is known is purged.
/// A fill that may bring bytes of a bucket without a known version is fenced: it feeds its readers,
/// and is not kept (Purges::fence_unknown).
///
/// Errors, with the object as it was: those of look_at() but kNotFound; those of the purge.
/// `cache` and `worker` outlive the task; the worker's thread.
[[nodiscard]] rt::Task<Result<SoftPurged>> purge_if_changed(Cache& cache, rt::Worker& worker,
                                                            ObjectKey key, Purges::Turn turn,
                                                            rt::Until until);

}  // namespace cachey::cache
