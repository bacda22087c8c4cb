#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "api/s3/forward_places.h"
#include "api/s3/part_bounds.h"
#include "api/s3/part_place.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/object_info.h"
#include "cache/page.h"
#include "origin/forward.h"
#include "rt/waiter.h"
#include "rt/worker.h"

namespace cachey::api::s3 {

/// A request for a part. The part's place is not known.
struct PartQuestion {
  cache::FetchSpecPtr spec;
  ObjectSourcePtr version;
  uint32_t number = 1;
  MonoTime news_from;  ///< the request began, or found that what it had learnt is old
  std::stop_token client_left;
};

/// Finds out where parts of objects are: from remembered places, else by HeadObject with the part's
/// number, which brings no byte. If that answer is about another version than the known one, the
/// head of a GET decides whether the object has changed. One question a part and version at a time,
/// shared by all requests. The answer is not recorded for the whole object, because its size is the
/// part's. Owned by the endpoint. Any thread.
class PartQuestions {
 public:
  /// `forwarder`: null if the store has no parts. Each question takes one of `places`. The last two
  /// arguments: see PartBounds.
  PartQuestions(origin::Forwarder* forwarder, ForwardPlaces& places, const Clock& clock,
                Metrics& metrics, uint64_t bytes_max, std::function<void(int64_t bytes)> charge);

  /// The place, if no question is necessary. Nothing: ask() must be called. If the tag has no
  /// number of parts, the object has one part, the whole object. If the version has no strong tag,
  /// the place is kForeign. REQUIRES: the version has bytes.
  [[nodiscard]] std::optional<PartPlace> find(const ObjectSource& version, const std::string& key,
                                              uint32_t number);

  /// The store's answer. kNone is the answer to a question that was sent at `news_from` or later.
  /// Errors: those of Forwarder::forward(), ForwardPlaces::enter() and read_part_answer(),
  /// kCancelled (`client_left`). `worker` outlives the task. REQUIRES: find() has returned nothing.
  [[nodiscard]] rt::Task<Result<PartPlace>> ask(rt::Worker& worker, PartQuestion question);

  [[nodiscard]] const PartBounds& known() const { return known_; }

 private:
  /// A question under way. The mutex guards all but `asked_at`; once `ended`, nothing changes.
  struct Flight {
    MonoTime asked_at;
    bool ended = false;
    std::optional<Result<PartPlace>> outcome{};  // nothing: the request has left, or had no place
    rt::WaiterList waiting{};
  };
  using FlightPtr = std::shared_ptr<Flight>;
  class Lead;
  class Place;

  /// The flight of this name, and whether the caller must make it.
  [[nodiscard]] std::pair<FlightPtr, bool> join(const std::string& name);
  [[nodiscard]] rt::Task<Result<PartPlace>> lead(rt::Worker& worker, PartQuestion question,
                                                 FlightPtr flight);
  /// Asks the store: the bucket of the version, then other replicas, which may have the same tag.
  [[nodiscard]] rt::Task<Result<PartPlace>> look(rt::Worker& worker, const PartQuestion& question);
  [[nodiscard]] rt::Task<Result<PartPlace>> look_at(rt::Worker& worker, const std::string& bucket,
                                                    const PartQuestion& question);
  /// False: the client has left.
  [[nodiscard]] rt::Task<bool> wait(rt::Worker& worker, FlightPtr flight,
                                    std::stop_token client_left);
  [[nodiscard]] rt::Task<Result<PartPlace>> look_by(rt::Worker& worker, bool head,
                                                    const std::string& bucket,
                                                    const PartQuestion& question);
  void count(const Result<PartPlace>& answer) const;

  origin::Forwarder* const forwarder_;
  ForwardPlaces& places_;
  const Clock& clock_;
  PartBounds known_;
  static constexpr size_t kOutcomes = 6;
  std::array<Counter, kOutcomes> outcomes_;
  Mutex mutex_;
  std::map<std::string, FlightPtr> flights_ GUARDED_BY(mutex_);  // not more than requests
};

}  // namespace cachey::api::s3
