#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/units.h"

namespace cachey::api::s3 {

/// During an outage of the store, requests that may be answered stale do not wait. A bucket is
/// *out* if the last kFailuresMin questions of such clients have failed. Then one request in
/// kAskEvery asks the store, and the others are answered without a question. The first answer of
/// the store ends the outage.
///
/// So a request that may be answered stale waits at most kPatience, and few requests wait while the
/// bucket is out. Owned by the endpoint. Any thread.
class Outages {
 public:
  /// A failure may be of one object, so one is not enough.
  static constexpr int kFailuresMin = 3;
  static constexpr std::chrono::seconds kAskEvery{1};
  /// The longest wait for the answer to a question of a request that may be answered stale. A later
  /// answer still confirms the object, for the requests after this one.
  static constexpr std::chrono::seconds kPatience{1};
  /// The longest wait for an answer that was not there after kPatience. One such wait a bucket at a
  /// time; an answer within it ends the outage.
  static constexpr std::chrono::seconds kLateMax{10};
  /// The bounds of the table of buckets. Past a bound the bucket that was unused for the longest
  /// time is forgotten: requests for this bucket ask again.
  static constexpr AgedMapLimits kKept{.entries = 1000, .key_bytes = 64 * kKiB};

  /// For a request that may be answered stale: whether to ask.
  [[nodiscard]] bool may_ask(std::string_view bucket, MonoTime now) EXCLUDES(mutex_);
  /// The store has not answered a question about an object of the bucket. True: the bucket is out
  /// from now on.
  bool failed(std::string_view bucket, MonoTime now) EXCLUDES(mutex_);
  /// The store has answered, whatever the answer. True: the bucket was out.
  bool answered(std::string_view bucket) EXCLUDES(mutex_);
  /// A failure was that of kPatience. True: the caller waits for the late answer, and calls
  /// ended_wait() then. False: another wait for the bucket is under way.
  [[nodiscard]] bool may_wait(std::string_view bucket) EXCLUDES(mutex_);
  void ended_wait(std::string_view bucket) EXCLUDES(mutex_);

  [[nodiscard]] size_t buckets_out() const EXCLUDES(mutex_);

 private:
  struct Failing {
    int failures = 0;
    MonoTime ask_at{};   // the next question, once the bucket is out
    bool waits = false;  // for a late answer
  };

  mutable Mutex mutex_;
  AgedMap<Failing> failing_ GUARDED_BY(mutex_){kKept};
};

}  // namespace cachey::api::s3
