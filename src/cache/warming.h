#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/version_set.h"
#include "cache/warm.h"
#include "rt/wakeup.h"

// Internal to Warms.

namespace cachey::cache {

/// The state of one warm request. Shared by the request and the tasks of its pages, which outlive
/// it. One worker's.
struct Warms::Job {
  Job(rt::Worker& worker, const WarmRequest& request, MonoTime now, MonoTime until)
      : spec(request.spec), client(request.client), began(now), deadline(until), changed(worker) {}

  /// The pages of an answer are of one version a bucket.
  [[nodiscard]] Result<void> take(ObjectSourcePtr version) {
    if (!versions.fits(*version))
      return fail(ErrorKind::kChanged, "the object changed between two of its pages; ask again");
    if (source == nullptr) {
      source = version;
      changed.notify();
    }
    versions.add(std::move(version));
    return {};
  }

  const FetchSpecPtr spec;
  const std::string client;
  const MonoTime began;
  const MonoTime deadline;
  ObjectSourcePtr source;  // of the first page; null: not known yet
  VersionSet versions;
  uint64_t fetched = 0;
  uint64_t bytes = 0;
  uint32_t running = 0;          // tasks
  std::optional<Error> failure;  // the first one
  bool stopped = false;          // nobody waits for the result
  rt::Wakeup changed;            // a task has ended, the version is known, or the client has left
};

/// The bytes of a page under way.
class Warms::Promise {
 public:
  Promise(Warms& warms, uint64_t bytes) : warms_(warms), bytes_(bytes), coming_(bytes) {
    warms_.promised_ += bytes_;
    warms_.coming_ += coming_;
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise() {
    has_memory();
    warms_.promised_ -= bytes_;
  }

  /// The page has memory, or needs none any more.
  void has_memory() { warms_.coming_ -= std::exchange(coming_, 0); }

 private:
  Warms& warms_;
  const uint64_t bytes_;
  uint64_t coming_;
};

/// A page on its way.
struct Warms::Following {
  PagePtr page;
  PageRole role;
  int tries;
  store::Admission& place;
  std::optional<Promise>& promise;
};

}  // namespace cachey::cache
