#pragma once

#include <chrono>
#include <optional>

#include "base/aged_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/key_scope.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/units.h"
#include "cache/page.h"

namespace cachey::cache {

/// The store's answer that it does not have an object.
struct Absence {
  Error error;
  MonoTime asked_at;  ///< when it was asked
};

/// Negative cache: for one TTL, an object that its buckets do not have is answered without a
/// request to the origin. The TTL starts when the origin was asked, so a new object is visible at
/// most one TTL after its creation. Owned by the cache. Any thread.
class Absences {
 public:
  /// Past these bounds the absence that was not used for the longest time is dropped.
  static constexpr AgedMapLimits kKept{.entries = 1000, .key_bytes = 512 * kKiB};

  /// `ttl` 0: nothing is remembered.
  Absences(std::chrono::milliseconds ttl, const Clock& clock, Counter hits)
      : ttl_(ttl), clock_(clock), hits_(hits) {}

  /// The remembered absence of this object from these buckets, if its TTL has not passed.
  [[nodiscard]] std::optional<Absence> find(const FetchSpec& spec) EXCLUDES(mutex_);

  /// Reports that a fill under these terms, which asked at `asked_at`, failed with `error`. Only
  /// kNotFound is remembered.
  void learn(const FetchSpec& spec, const Error& error, MonoTime asked_at) EXCLUDES(mutex_);
  /// These buckets have the object.
  void forget(const FetchSpec& spec) EXCLUDES(mutex_);
  /// Forgets what is known of the objects of `scope`.
  void forget(const KeyScope& scope) EXCLUDES(mutex_);

 private:
  const std::chrono::milliseconds ttl_;
  const Clock& clock_;
  const Counter hits_;
  Mutex mutex_;
  AgedMap<Absence> known_ GUARDED_BY(mutex_){kKept};
};

}  // namespace cachey::cache
