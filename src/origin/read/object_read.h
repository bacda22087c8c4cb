#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/byte_range.h"
#include "base/error.h"
#include "base/object_info.h"
#include "origin/origin.h"
#include "origin/read/buckets.h"
#include "origin/read/gate.h"
#include "origin/read/hedge_race.h"
#include "origin/read/pending_get.h"
#include "origin/read/read_metrics.h"
#include "rt/wakeup.h"

namespace cachey::origin {

/// What reads share. All of it outlives them.
struct ReadContext {
  Origin& origin;
  Buckets& buckets;
  Gate& gate;
  ReadMetrics& metrics;
};

/// Which bytes of which object, where it may be had, and on whose terms.
struct ReadTerms {
  std::span<const std::string> buckets;  ///< the client's; lives as long as the read
  BucketOrder order;                     ///< in which they are asked
  std::string key;
  ByteRange range;
  RequestConfig config;
  std::string request_id{};             ///< for the log
  std::optional<ObjectInfo> version{};  ///< that the object must have; nothing: any
  std::string kind{};                   ///< shares the buckets fairly with others
  Priority priority{};                  ///< outlives the read
};

/// One range of an object, read whatever single answers do: from the next bucket where one fails;
/// by a second request beside one that is unusually late, or whose body has stopped coming
/// (hedging, within the bucket's budget); from the next byte on where a body breaks off, with
/// If-Match. No byte is delivered twice, and all are of one version.
///
///   ObjectRead read(context, worker, terms);
///   co_await read.open();      // info(), range(), bucket()
///   co_await read.run(sink);
///
/// Owned by the coroutine that awaits it, on one worker, to its end.
class ObjectRead {
 public:
  /// A body is taken for stopped after the bucket's hedge delay, but no sooner.
  static constexpr std::chrono::milliseconds kStoppedMin{100};
  /// Of the time limit of a request (ot), what is kept for the second bucket's turn.
  /// Of the time to wait for a turn (Gate) the first bucket's is such a share.
  static constexpr int kSecondBucketShare = 3;  // a third
  /// Bodies in a row that may end without having brought a kFruitfulShare of what was left, where
  /// the client does not say (ma).
  static constexpr uint32_t kFruitlessMax = 3;
  static constexpr uint64_t kFruitfulShare = 16;  // a sixteenth
  /// Times that one read is taken up again, however much each brought.
  static constexpr int kResumesMax = 32;
  /// A time-out under limits of the client's own counts against the store only where they are no
  /// shorter than this, nor than so many times the bucket's hedge delay.
  static constexpr std::chrono::milliseconds kCountedLimitMin{1000};
  static constexpr int kCountedLimitDelays = 4;
  /// Before a request that follows a fruitless one; grows with their number.
  static constexpr std::chrono::milliseconds kResumePause{50};

  ObjectRead(const ReadContext& context, rt::Worker& worker, ReadTerms terms)
      : context_(context), worker_(worker), terms_(std::move(terms)), wakeup_(worker) {}
  ~ObjectRead();
  ObjectRead(const ObjectRead&) = delete;
  ObjectRead& operator=(const ObjectRead&) = delete;

  /// Until an answer's head has come. The less final of two buckets' failures; kChanged where
  /// the object is of another version; kThrottled where no bucket may be asked now.
  [[nodiscard]] rt::Task<Result<void>> open();

  // REQUIRES: opened, from here on.

  [[nodiscard]] const ObjectInfo& info() const { return info_; }
  /// What will be delivered: the range asked for, cut at the object's end.
  [[nodiscard]] ByteRange range() const { return range_; }
  /// Which of the client's buckets answered first.
  [[nodiscard]] size_t bucket() const { return bucket_; }
  /// A second request, sent beside the first, delivered the head or some of the body.
  [[nodiscard]] bool hedged() const { return hedged_; }

  /// Delivers the bytes. `sink` is not touched after this has ended. kDamaged: bytes that were
  /// delivered may be wrong ones.
  [[nodiscard]] rt::Task<Result<void>> run(ByteSink& sink);

 private:
  /// What is left if a bucket does not deliver.
  enum class Fallback : uint8_t { kNone, kNextBucket };

  [[nodiscard]] rt::Task<Result<void>> try_buckets(BucketOrder order, ByteRange range);
  [[nodiscard]] rt::Task<Result<PendingGetPtr>> first_good_answer(size_t bucket, GetRequest request,
                                                                  Fallback fallback);
  [[nodiscard]] PendingGetPtr hedge_head(size_t bucket, GetRequest request, MonoTime first_sent);
  [[nodiscard]] Result<void> accept(size_t bucket, PendingGetPtr get, ByteRange asked);
  [[nodiscard]] rt::Task<Result<Gate::Pass>> enter_gate(size_t bucket, RequestConfig& config,
                                                        Fallback fallback);
  [[nodiscard]] Gate::Request gate_request(size_t bucket) const;
  [[nodiscard]] GetRequest request_for(size_t bucket, ByteRange range) const;
  [[nodiscard]] std::chrono::milliseconds time_left(std::chrono::milliseconds limit,
                                                    MonoTime since) const;
  [[nodiscard]] bool has_short_limits(const std::string& name, const RequestConfig& config) const;
  void record_health(size_t bucket, const PendingGet& get);

  [[nodiscard]] PendingGetPtr hedge(size_t bucket, GetRequest request);
  void hedge_ended(const std::string& name, HedgeResult result);
  void give_up(PendingGet& loser);

  [[nodiscard]] rt::Task<Result<void>> read_body(ByteSink& sink);
  [[nodiscard]] std::optional<MonoTime> stopped_at(MonoTime watched_since) const;
  [[nodiscard]] rt::Task<void> second_answered(HedgeRace& race, ByteSink& sink,
                                               MonoTime last_arrival);
  [[nodiscard]] rt::Task<bool> take_over(PendingGetPtr second);
  [[nodiscard]] bool may_resume(const Error& error) const;
  [[nodiscard]] rt::Task<Result<void>> resume();

  const ReadContext context_;
  rt::Worker& worker_;
  const ReadTerms terms_;
  rt::Wakeup wakeup_;
  ObjectInfo info_;
  ByteRange range_;
  size_t bucket_ = 0;
  size_t body_bucket_ = 0;  // that the body comes from now
  PendingGetPtr body_;
  bool opened_ = false;
  bool hedged_ = false;
  uint32_t fruitless_ = 0;
  int resumes_ = 0;
};

}  // namespace cachey::origin
