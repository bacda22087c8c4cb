#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "cache/page.h"

namespace cachey::cache {

/// Objects that their buckets said they do not have, a moment ago: who asks again within that
/// moment is told so without a request to the origin. The moment begins when the origin was asked,
/// so that an object which comes into being is seen no later than a moment after that. Owned by the
/// cache. Any thread.
class Absences {
 public:
  /// More push the oldest out.
  static constexpr size_t kKeptMax = 1000;

  /// `ttl`: 0: nothing is remembered.
  Absences(std::chrono::milliseconds ttl, const Clock& clock, Counter hits)
      : ttl_(ttl), clock_(clock), hits_(hits) {}

  /// The failure of whoever asked for that object in those buckets, if it was a moment ago.
  [[nodiscard]] std::optional<Error> find(const FetchSpec& spec) EXCLUDES(mutex_);

  /// A fill under these terms, which asked at `asked_at`, failed so. Only that an object is not
  /// there is remembered.
  void learn(const FetchSpec& spec, const Error& error, MonoTime asked_at) EXCLUDES(mutex_);

 private:
  struct Absence {
    Error error;
    MonoTime until;
  };
  void make_room(MonoTime now) REQUIRES(mutex_);

  const std::chrono::milliseconds ttl_;
  const Clock& clock_;
  const Counter hits_;
  Mutex mutex_;
  boost::unordered_flat_map<std::string, Absence> known_ GUARDED_BY(mutex_);
  std::deque<std::string> order_ GUARDED_BY(mutex_);  // of learning
};

}  // namespace cachey::cache
