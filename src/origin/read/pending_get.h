#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "origin/origin.h"
#include "origin/read/gate.h"
#include "rt/wakeup.h"
#include "rt/worker.h"

namespace cachey::origin {

/// The destination of a body's bytes. The worker's thread only.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Memory for the object's bytes from `offset` on; at least one byte.
  [[nodiscard]] virtual std::span<std::byte> room(uint64_t offset) = 0;
  /// The bytes of `range` are now in the memory that room() gave.
  virtual void arrived(ByteRange range) = 0;
  /// Somebody waits for the bytes, or will soon. If nobody does, the body must not be too slow.
  [[nodiscard]] virtual bool is_wanted() const { return true; }
};

/// One GET as a task of its own, so that its sender can watch it, send a second GET beside it and
/// cancel it. Shared by the task and the sender; one worker's thread.
class PendingGet final : public Turn, public std::enable_shared_from_this<PendingGet> {
 public:
  /// What counts as the answer: a head, or the first bytes behind it. These are kept for the body.
  enum class AnsweredBy : uint8_t { kHead, kBytes };
  /// Sends the request. Notifies `wakeup` when the answer's head or a failure has come, and when
  /// the body has ended. `wakeup` must live until then, or until give_up().
  static std::shared_ptr<PendingGet> send(rt::Worker& worker, Origin& origin, GetRequest request,
                                          Gate::Pass pass, rt::Wakeup& wakeup,
                                          AnsweredBy by = AnsweredBy::kHead);
  PendingGet(rt::Worker& worker, GetRequest request, Gate::Pass pass, rt::Wakeup& wakeup,
             AnsweredBy by);
  PendingGet(const PendingGet&) = delete;
  PendingGet& operator=(const PendingGet&) = delete;

  [[nodiscard]] MonoTime sent_at() const { return sent_at_; }
  [[nodiscard]] const GetRequest& request() const { return request_; }

  /// The answer's head (see AnsweredBy) or a failure has come.
  [[nodiscard]] bool answered() const { return answer_.has_value() && !looks_for_bytes_; }
  /// When the head came. REQUIRES: answered without failure.
  [[nodiscard]] MonoTime head_at() const { return head_at_; }
  /// The failure, or null. REQUIRES: answered.
  [[nodiscard]] const Error* failure() const { return *answer_ ? nullptr : &answer_->error(); }
  /// Not answered yet; or read_body() was called and the body has not ended yet.
  [[nodiscard]] bool in_progress() const { return !answered() || (body_is_read_ && !body_ended()); }
  /// REQUIRES: answered without failure.
  [[nodiscard]] GetStream& stream() { return ***answer_; }

  /// The body is not read for a while: gives the GET's place at the gate back until read_body().
  /// REQUIRES: answered without failure; read_body() was not called.
  void park() { pass_->park(); }

  /// Starts reading the body into `sink`, to its end. REQUIRES: answered without failure; called
  /// once. `sink` must live until the body has ended.
  void read_body(ByteSink& sink);
  /// The bytes before `offset` are read and dropped. Call before read_body().
  void drop_until(uint64_t offset) { delivered_from_ = offset; }
  [[nodiscard]] bool body_ended() const { return body_end_.has_value(); }
  /// REQUIRES: the body has ended.
  [[nodiscard]] const Result<void>& body_end() const { return *body_end_; }
  /// The offset in the object of the next byte to come.
  [[nodiscard]] uint64_t position() const { return position_; }
  /// The offset of the next byte that the sink gets, of this body or of one that follows it.
  [[nodiscard]] uint64_t next_delivered() const { return std::max(position_, delivered_from_); }

  /// When bytes last came to the sink; before the first ones, when the request was sent.
  [[nodiscard]] MonoTime last_arrival() const { return last_arrival_; }

  /// When the store last gave a sign of life: bytes, a head, an attempt that failed by anything but
  /// silence. The beginning of time: it gave none.
  [[nodiscard]] MonoTime last_sign() const { return last_sign_; }

  /// The failures of attempts that others followed, since the last call.
  [[nodiscard]] std::vector<Error> take_failed_attempts() {
    return std::exchange(failed_attempts_, {});
  }

  /// Body bytes that have arrived and were not read into a sink.
  [[nodiscard]] uint64_t bytes_unused();

  /// Call every kLookEvery while the GET is awaited, and when it may have hung. A GET that has been
  /// silent for `hang_limit` gives its turn back until bytes come. If the gate needs the place of
  /// hung GETs, too, the GET ends with kTimeout.
  void watch(MonoTime now, std::chrono::nanoseconds hang_limit);
  /// Silent for the hang limit, as of the last watch().
  [[nodiscard]] bool hangs() const { return hangs_; }
  /// The gate ended the GET: not the bucket's failure.
  [[nodiscard]] bool made_way() const { return made_way_; }
  static constexpr std::chrono::milliseconds kLookEvery{100};

  /// If the GET fails from now on, it does not wait to try again.
  void hurry() { hurry_.request_stop(); }
  /// Cancels the GET: it ends soon with kCancelled and notifies the sender.
  void stop() { stop_.request_stop(); }
  /// Cancels the GET without a notification. REQUIRES: the body is not being read.
  void give_up();

 private:
  // As the Turn of its request: the place at the gate. A retry is demand.
  void attempt_failed(const Error& why) override;
  void leave() override { pass_.reset(); }
  [[nodiscard]] rt::Task<bool> come_back(MonoTime deadline) override;

  static rt::Task<void> get_answer(std::shared_ptr<PendingGet> self, Origin& origin);
  static rt::Task<void> read_to_end(std::shared_ptr<PendingGet> self, ByteSink& sink);
  [[nodiscard]] rt::Task<void> read_first_bytes();
  [[nodiscard]] rt::Task<Result<size_t>> read_next(std::span<std::byte> into);
  [[nodiscard]] rt::Task<Result<void>> read_some(ByteSink& sink);
  [[nodiscard]] rt::Task<Result<void>> drop_some();
  void settle_range();
  [[nodiscard]] Error named(Error failure) const;
  void notify_sender();

  rt::Worker& worker_;
  GetRequest request_;
  const MonoTime sent_at_;
  std::stop_source stop_;
  std::stop_source hurry_;
  rt::Wakeup* wakeup_;       // null after give_up()
  const Gate::Place place_;  // that of pass_
  HungRequest hung_;         // of pass_
  bool hangs_ = false;
  bool made_way_ = false;
  std::optional<Gate::Pass> pass_;  // without it during a backoff; until the GET has ended
  std::optional<Result<std::unique_ptr<GetStream>>> answer_;
  const AnsweredBy by_;
  MonoTime head_at_{};
  bool looks_for_bytes_ = false;
  std::vector<std::byte> first_bytes_;  // that came before the body was read
  bool body_is_read_ = false;
  std::optional<Result<void>> body_end_;
  uint64_t position_;
  uint64_t delivered_from_ = 0;  // see drop_until()
  MonoTime last_arrival_;
  MonoTime silent_since_;  // the last arrival, or when the GET began or went on
  MonoTime last_sign_{};
  std::vector<Error> failed_attempts_;
};

using PendingGetPtr = std::shared_ptr<PendingGet>;

}  // namespace cachey::origin
