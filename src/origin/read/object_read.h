#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"
#include "base/units.h"
#include "base/version_set.h"
#include "origin/origin.h"
#include "origin/read/body_watch.h"
#include "origin/read/buckets.h"
#include "origin/read/gate.h"
#include "origin/read/head_watch.h"
#include "origin/read/hedge_race.h"
#include "origin/read/pending_get.h"
#include "origin/read/read_metrics.h"
#include "origin/read/silent_seconds.h"
#include "rt/wakeup.h"

namespace cachey::origin {

/// Bounds of the silence of a store, above the limits of single attempts and of clients. Waits at
/// the gate do not count. 0: no bound.
struct ReadLimits {
  /// If a bucket was silent for this time, another one is asked, at no cost to the budgets, and the
  /// bucket counts as failed.
  std::chrono::milliseconds bucket_timeout{5000};
  /// A read to which no bucket brought a byte for this time fails with kTimeout. Each bucket of the
  /// read has an equal share of this time, if that is less than `bucket_timeout`.
  std::chrono::milliseconds download_timeout{10'000};
};

/// What all reads share. Outlives the reads.
struct ReadContext {
  Origin& origin;
  Buckets& buckets;
  Gate& gate;
  ReadMetrics& metrics;
  ReadLimits limits{};
};

/// What to read, from which buckets, under which limits.
struct ReadTerms {
  std::span<const std::string> buckets;  ///< the client's list; outlives the read
  BucketOrder order;                     ///< in which the buckets are asked
  std::string key;
  ByteRange range;
  RequestConfig config;
  std::string request_id{};  ///< for the log
  TraceContextPtr trace{};   ///< see GetRequest
  /// The versions that the answers must fit. The versions of accepted answers are added. Outlives
  /// the read. Null: any one version.
  VersionSet* versions = nullptr;
  std::string kind{};                  ///< for the gate's fair queue; the name of the home bucket
  std::string client{};                ///< of the kind, for the gate; empty: not known
  Priority priority{};                 ///< outlives the read
  const Audience* audience = nullptr;  ///< outlives the read; null: somebody waits
  /// The version that the cache knows of the object; null: none. An answer of another bucket and of
  /// another size counts as a failure of that bucket, as long as the read has taken no version. The
  /// home bucket's answer is taken whatever its size is.
  ObjectSourcePtr known{};
  /// The first byte that somebody waits for, if that is not the first one of `range`. An object
  /// that ends before this byte is taken only if no other bucket has a longer one.
  std::optional<uint64_t> wanted{};
  /// kHead: there is only open(), and range() is empty. kTail: the last bytes, as many as `range`
  /// has, which begins at 0; after the first answer the read is one of a range.
  Ask ask = Ask::kRange;
  bool explain_absence = false;  ///< see GetRequest
};

/// Reads one range of an object in spite of slow and failing answers. If a bucket fails, the next
/// one is asked. If an answer or a body is unusually late, a second request is sent beside the
/// first (a hedge, within the bucket's HedgeBudget); if a request hangs or a body trickles, a
/// second one is sent, too (a rescue, within the RescueBudget); both go to another bucket first.
/// ReadLimits bound the silence. If a body breaks off, a new request with If-Match continues at the
/// next byte. No byte is delivered twice. All bytes of one bucket are of one version, and all
/// versions have one size (VersionSet). BodyWatch says when a body is too slow.
///
///   ObjectRead read(context, worker, terms);
///   co_await read.open();      // info(), range(), bucket()
///   co_await read.run(sink);
///
/// Owned by the coroutine that awaits open() and run(), on one worker.
class ObjectRead {
 public:
  /// A body counts as stopped after the bucket's hedge delay without a byte, at least this.
  static constexpr std::chrono::milliseconds kStoppedMin{BucketHealth::kBodyDelayMin};
  /// 1/3 of what is left of the time limit (ot) is kept for the next buckets. At the gate, a bucket
  /// may use 1/3 of the waiting time, unless it is the last one.
  static constexpr int kNextBucketShare = 3;  // a third
  /// A body is fruitless if it brought less than 1/kFruitfulShare of what was left. This many
  /// fruitless bodies in a row end the read, unless the client sets a number (ma); at least one of
  /// each bucket.
  static constexpr uint32_t kFruitlessMax = 3;
  static constexpr uint64_t kFruitfulShare = 16;  // a sixteenth
  /// The most times that one read is resumed, fruitful or not.
  static constexpr int kResumesMax = 32;
  /// A request that waited longer at the gate asks again whether the bucket may be asked. The first
  /// call may have taken a probe, and probes are kProbeEvery apart.
  static constexpr std::chrono::milliseconds kHealthValid{BucketHealth::kProbeEvery};
  /// The pause after a fruitless body, times the number of fruitless bodies in a row.
  static constexpr std::chrono::milliseconds kResumePause{50};

  ObjectRead(const ReadContext& context, rt::Worker& worker, ReadTerms terms)
      : context_(context),
        worker_(worker),
        terms_(std::move(terms)),
        versions_(terms_.versions == nullptr ? own_versions_ : *terms_.versions),
        wakeup_(worker) {}
  ~ObjectRead();
  ObjectRead(const ObjectRead&) = delete;
  ObjectRead& operator=(const ObjectRead&) = delete;

  /// Waits for the head of a good answer. Errors: the less final of the buckets' failures; kChanged
  /// if the object has another version; kThrottled if no bucket may be asked now; kOverloaded.
  [[nodiscard]] rt::Task<Result<void>> open();

  /// When the request was sent that decided open() by its answer. A hedge is a request of its own.
  /// So is a retry with a good answer.
  [[nodiscard]] MonoTime sent_at() const { return sent_at_; }

  /// When the first request was sent, before its answer; open() may have sent others since. The
  /// beginning of time: none was sent.
  [[nodiscard]] MonoTime asked_at() const { return asked_at_; }

  /// A version of the read that its bucket no longer has. The read has failed with kChanged then.
  /// Null: no bucket said so.
  [[nodiscard]] const ObjectSourcePtr& gone() const { return gone_; }
  /// An answer contested `known`. If no bucket had another answer, the read has failed.
  [[nodiscard]] bool contested() const { return contested_; }
  /// A bucket that said that the object ends at or before the range's begin.
  struct End {
    size_t bucket = 0;  ///< in the client's list
    MonoTime sent_at;   ///< when this bucket was asked
  };
  [[nodiscard]] std::span<const End> ends() const { return ends_; }
  /// The bucket whose answer open() took, as an index into the client's list; if open() failed, the
  /// last one that was asked.
  [[nodiscard]] size_t bucket() const { return bucket_; }

  // From here on REQUIRES: open() has succeeded.

  [[nodiscard]] const ObjectSourcePtr& source() const { return source_; }
  [[nodiscard]] const ObjectInfo& info() const { return source_->info; }
  /// The bytes that run() delivers: the range asked for, cut at the object's end. Empty for a HEAD,
  /// which has no run().
  [[nodiscard]] ByteRange range() const { return range_; }
  /// A hedge delivered the head or a part of the body.
  [[nodiscard]] bool hedged() const { return hedged_; }

  /// The caller waits for memory before run(). Until then the place at the gate is for requests
  /// that have memory. The time does not count as a stop of the body.
  void park() { body_->park(); }

  /// Delivers the bytes. `sink` is not used after the end. kDamaged: delivered bytes may be wrong.
  /// kTimeout: the bytes came too slowly, see BodyWatch.
  [[nodiscard]] rt::Task<Result<void>> run(ByteSink& sink);

 private:
  /// What follows if a bucket fails.
  enum class Fallback : uint8_t { kNone, kNextBucket };
  /// A GET that was answered, and its bucket.
  struct Answer {
    PendingGetPtr get;
    size_t bucket = 0;
  };
  /// Which time limit a GET ran under: kNotTheBuckets says nothing of the bucket (a client's, or
  /// that of a GET that made way).
  enum class Limits : uint8_t { kOurs, kNotTheBuckets };

  /// When a second request is due beside one whose head is awaited.
  struct SecondTimes {
    MonoTime late = MonoTime::max();
    MonoTime hung = MonoTime::max();
    bool is_probe = false;  // the late one costs nothing: see BucketHealth::Patience
  };
  /// Whether a second request is paid for from a budget.
  enum class Cost : uint8_t { kBudget, kFree };

  [[nodiscard]] rt::Task<Result<void>> try_buckets(BucketOrder order, ByteRange range);
  [[nodiscard]] rt::Task<Result<void>> try_bucket(size_t bucket, ByteRange range, Fallback fallback,
                                                  MonoTime began);
  [[nodiscard]] bool is_final(const Error& failure) const;
  [[nodiscard]] rt::Task<Result<Answer>> first_good_answer(size_t bucket, GetRequest request,
                                                           Fallback fallback);
  [[nodiscard]] Error take_failure(const Answer& answer, ByteRange asked);
  [[nodiscard]] static bool may_wait_for_other(const HedgeRace& race, size_t failed,
                                               const Error& error);
  void end_race(HedgeRace& race, HedgeRace::Event winner);
  void blame_silent(HedgeRace& race);
  void blame(HedgeRace& race);
  [[nodiscard]] bool has_failed(size_t bucket) const {
    return std::ranges::find(failed_buckets_, bucket) != failed_buckets_.end();
  }
  void set_failed(size_t bucket) {
    if (!has_failed(bucket)) failed_buckets_.push_back(bucket);
  }
  [[nodiscard]] bool was_silent(size_t bucket) const {
    return std::ranges::find(silent_buckets_, bucket) != silent_buckets_.end();
  }
  void set_silent(size_t bucket) {
    if (!was_silent(bucket)) silent_buckets_.push_back(bucket);
  }
  [[nodiscard]] bool has_other(size_t bucket, const BucketOrder& order) const;
  [[nodiscard]] bool has_other(size_t bucket) const { return has_other(bucket, terms_.order); }
  [[nodiscard]] bool is_short(size_t bucket, uint64_t size) const;
  [[nodiscard]] Result<void> accept(size_t bucket, PendingGetPtr get, ByteRange asked);
  [[nodiscard]] std::optional<Error> version_fault(const ObjectSource& source);
  [[nodiscard]] Error judge(size_t bucket, Error failure, ByteRange asked);
  [[nodiscard]] bool may_contest(const std::string& bucket) const;
  [[nodiscard]] rt::Task<Result<Gate::Pass>> enter_gate(size_t bucket, RequestConfig& config,
                                                        Fallback fallback);
  [[nodiscard]] Gate::Request gate_request(size_t bucket) const;
  /// A further request of a page, not the first one: an answer was taken.
  [[nodiscard]] bool has_memory() const { return !versions_.empty(); }
  [[nodiscard]] GetRequest request_for(size_t bucket, ByteRange range) const;
  [[nodiscard]] ByteRange expected_of(uint64_t size, ByteRange asked) const;
  [[nodiscard]] std::string if_match_of(size_t bucket) const;
  [[nodiscard]] std::chrono::milliseconds time_left(std::chrono::milliseconds limit,
                                                    MonoTime since) const;
  [[nodiscard]] Limits limits_of(const PendingGet& get) const;
  void record_attempts(size_t bucket, PendingGet& get);
  void record_health(size_t bucket, PendingGet& get);
  void record_failure(size_t bucket, const Error& failure, Limits limits);

  // How long a store may be silent: object_read_silence.cc.
  [[nodiscard]] std::chrono::nanoseconds bucket_share() const;
  [[nodiscard]] std::chrono::nanoseconds silence_limit(
      size_t bucket, const BucketHealth::Patience& patience) const;
  [[nodiscard]] MonoTime time_up_at() const;
  [[nodiscard]] bool is_time_up() const { return worker_.timers().now() >= time_up_at(); }
  [[nodiscard]] MonoTime head_given_up_at(const HedgeRace& race);
  [[nodiscard]] Error time_up(HedgeRace& race);
  [[nodiscard]] SecondTimes second_times(const HedgeRace& race,
                                         const BucketHealth::Patience& patience) const;
  [[nodiscard]] Cost cost_of_rescue(HedgeRace& race, MonoTime silent_since);
  [[nodiscard]] std::chrono::nanoseconds slot_of_second(const HedgeRace& race) const;
  void note_bytes();

  [[nodiscard]] BucketOrder order_of_seconds(const HedgeRace& race) const;
  void look_for_second(HedgeRace& race, SecondTimes& times, const GetRequest& first);
  bool send_second(HedgeRace& race, Purpose purpose, const GetRequest& first, Cost cost);
  void second_ended(const HedgeRace& race, HedgeResult result);
  void drop_second(HedgeRace& race);
  void give_up(size_t bucket, PendingGet& loser);

  [[nodiscard]] rt::Task<Result<void>> read_body(ByteSink& sink);
  [[nodiscard]] rt::Task<void> watch_body(ByteSink& sink);
  void begin_body(ByteSink& sink);
  [[nodiscard]] uint64_t brought() const;
  [[nodiscard]] BodyWatch::Limits watch_limits() const;
  [[nodiscard]] BodyWatch::Look look(const HedgeRace& race, const ByteSink& sink) const;
  [[nodiscard]] MonoTime next_look_at_body(const HedgeRace& race, const ByteSink& sink);
  void look_at_body(HedgeRace& race, const ByteSink& sink);
  void stop_body(HedgeRace& race, std::string why);
  void send_second_body(HedgeRace& race, Purpose purpose);
  [[nodiscard]] rt::Task<void> second_answered(HedgeRace& race, ByteSink& sink);
  [[nodiscard]] rt::Task<bool> take_over(PendingGetPtr second, size_t bucket);
  [[nodiscard]] bool may_resume(const Error& error) const;
  [[nodiscard]] uint32_t tries_of_bodies() const {
    return terms_.config.attempts_max.value_or(kFruitlessMax);
  }
  [[nodiscard]] rt::Task<Result<void>> resume();

  const ReadContext context_;
  rt::Worker& worker_;
  const ReadTerms terms_;
  VersionSet own_versions_;
  VersionSet& versions_;
  rt::Wakeup wakeup_;
  ObjectSourcePtr source_;  // of the answer that open() took
  ObjectSourcePtr gone_;
  ByteRange range_;
  size_t bucket_ = 0;
  size_t body_bucket_ = 0;  // the bucket of the current body
  PendingGetPtr body_;
  uint64_t brought_before_ = 0;  // bytes, by the bodies before body_
  MonoTime body_began_{};        // when body_ was first watched
  MonoTime asked_at_{};
  MonoTime progress_at_{};  // the last progress; later by the waits at the gate since
  MonoTime sent_at_;
  std::chrono::nanoseconds to_head_{};   // of the answer that open() took
  bool one_request_ = true;              // brought all that was read
  std::vector<size_t> failed_buckets_;   // since try_buckets() began
  std::vector<size_t> counted_buckets_;  // with a failure that counts, since their last answer
  std::vector<size_t> silent_buckets_;   // that had their time and brought nothing
  std::vector<End> ends_;                // until open() has ended
  std::optional<uint64_t> told_size_;    // the largest size of an object that ends too early
  std::optional<BodyWatch> watch_;       // since run() began
  std::optional<Error> body_end_;        // why we stopped the current body
  uint64_t arrived_at_second_ = 0;       // the body's position when the second request was sent
  SilentSeconds silent_seconds_;
  bool gave_up_ = false;  // nobody waited for the body
  bool opened_ = false;   // open() has succeeded
  bool contested_ = false;
  bool hedged_ = false;
  uint32_t fruitless_ = 0;
  int resumes_ = 0;
};

}  // namespace cachey::origin
