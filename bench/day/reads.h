#pragma once

#include <string>
#include <vector>

#include "origin/read/object_read.h"

namespace cachey::bench {

/// The result of one read.
struct Outcome {
  bool whole = false;
  double first_byte = 0;  ///< seconds
  double last_byte = 0;
};

/// Reads one page of an object as the server does.
rt::Task<Outcome> read_page(const origin::ReadContext& context, rt::Worker& worker,
                            std::vector<std::string> buckets, std::string kind, std::string key);

/// The same by the naive rule: if the whole body has not arrived within the quantile of the time to
/// the *first* byte, the whole body is requested a second time. The first complete body wins,
/// because a body cannot be continued in the middle. If both fail, the next bucket is asked.
rt::Task<Outcome> naive_read_page(const origin::ReadContext& context, rt::Worker& worker,
                                  std::vector<std::string> buckets, std::string kind,
                                  std::string key);

}  // namespace cachey::bench
