#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/object_info.h"
#include "cache/cache.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::cache {

/// Asks the store for the object's version and attributes (HeadObject, no byte), or joins the look
/// at the object under way: there is one at a time. The answer is the one to a question that was
/// sent at `not_before` or later; a caller that joins an earlier look waits for it, then starts or
/// joins the next one. What the version replaces leaves memory and disk before the look ends; if no
/// bucket has the object, so do its pages.
///
/// `wanted`: the byte of the object that the caller will ask for. A copy that ends before it is
/// taken only if no other bucket of `spec` has a longer one. Nothing: any copy is taken.
///
/// A look goes on for 2 s when nobody waits for it. It takes a turn at its bucket's gate, as a fill
/// does, and MemoryTier::kStartBytes. Errors: those of a fill; kTimeout and kCancelled, if `until`
/// ended the wait. `cache` and `worker` outlive the task; the worker's thread.
[[nodiscard]] rt::Task<Result<ObjectSourcePtr>> look_at(Cache& cache, rt::Worker& worker,
                                                        FetchSpecPtr spec, MonoTime not_before,
                                                        rt::Until until,
                                                        std::optional<uint64_t> wanted = {});

}  // namespace cachey::cache
