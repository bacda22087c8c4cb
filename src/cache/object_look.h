#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/object_info.h"
#include "base/units.h"
#include "cache/cache.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::cache {

/// Asks the store for the object's version and attributes (HeadObject, no byte), or joins the look
/// at the object under way: there is one at a time. The answer is the one to a question that was
/// sent at `not_before` or later; a caller that joins an earlier look waits for it, then starts or
/// joins the next one. Pages that the version replaces leave memory and disk before the look ends;
/// if no bucket has the object, all its pages do.
///
/// `wanted`: the byte of the object that the caller will ask for. A copy that ends before this byte
/// is accepted only if no other bucket of `spec` has a longer one. Nothing: any copy is accepted.
///
/// A look goes on for 2 s when nobody waits for it. It takes a turn at its bucket's gate, as a fill
/// does, and MemoryTier::kStartBytes. Errors: those of a fill; kTimeout and kCancelled, if `until`
/// ended the wait. `cache` and `worker` outlive the task; the worker's thread.
[[nodiscard]] rt::Task<Result<ObjectSourcePtr>> look_at(Cache& cache, rt::Worker& worker,
                                                        FetchSpecPtr spec, MonoTime not_before,
                                                        rt::Until until,
                                                        std::optional<uint64_t> wanted = {});

/// A longer tail costs a look first: at 90 MB/s 2 MiB take about as long as a round trip.
inline constexpr uint64_t kTailBytesMax = 2 * kMiB;

/// Fetches the last `bytes` of an object whose size is not known, in one request, or joins such a
/// fetch of the same number of bytes. The answer tells version and size. The bytes, or all of a
/// smaller object, go into their pages, or into parts of these. So a RangeReader with Wishes::exact
/// that is made afterwards finds these bytes or joins their fill. Bytes that are cached already, or
/// that another fill fetches, are skipped.
///
/// The answer is the one to a question that was sent at `not_before` or later. In these cases a
/// look (look_at) answers, and no byte is fetched: if `bytes` are more than kTailBytesMax or than a
/// page; if the object is empty; or if the store cannot answer: it ignored the range, or sent
/// another one. Errors, `until` and lifetimes as of look_at(). REQUIRES: `bytes` is not 0.
[[nodiscard]] rt::Task<Result<ObjectSourcePtr>> fetch_tail(Cache& cache, rt::Worker& worker,
                                                           FetchSpecPtr spec, uint64_t bytes,
                                                           MonoTime not_before, rt::Until until);

}  // namespace cachey::cache
