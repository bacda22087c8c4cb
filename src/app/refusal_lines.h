#pragma once

#include "app/counted_lines.h"
#include "net/server.h"
#include "origin/read/gate.h"
#include "origin/s3/counters.h"
#include "store/memory_tier.h"

namespace cachey::app {

/// Adds the lines about requests and connections that were refused for want of memory, of a turn at
/// a bucket, or of a place. All arguments outlive the lines. `s3api`: null if there is none.
void watch_refusals(CountedLines& lines, const store::MemoryTier& memory, const origin::Gate& gate,
                    const net::Server& data, const net::Server* s3api);

/// Adds the lines about buckets that ask for fewer requests. `s3` outlives the lines.
void watch_throttling(CountedLines& lines, const origin::S3Counters& s3);

}  // namespace cachey::app
