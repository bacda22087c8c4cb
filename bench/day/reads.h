#pragma once

#include <string>
#include <vector>

#include "origin/read/object_read.h"

namespace cachey::bench {

/// What became of one read.
struct Outcome {
  bool whole = false;
  double first_byte = 0;  ///< seconds until it came
  double last_byte = 0;
};

/// One page of an object, as the server reads it.
rt::Task<Outcome> read_page(const origin::ReadContext& context, rt::Worker& worker,
                            std::vector<std::string> buckets, std::string kind, std::string key);

/// The same by the naive rule: where the whole body has not come within the quantile of the time to
/// the *first* byte, all of it is asked for a second time. The first whole one wins, for there is
/// no going on from the middle; a bucket where both fail is followed by the next.
rt::Task<Outcome> naive_read_page(const origin::ReadContext& context, rt::Worker& worker,
                                  std::vector<std::string> buckets, std::string kind,
                                  std::string key);

}  // namespace cachey::bench
