#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "base/byte_range.h"
#include "base/clock.h"
#include "base/error.h"
#include "origin/origin.h"
#include "origin/read/gate.h"
#include "rt/wakeup.h"
#include "rt/worker.h"

namespace cachey::origin {

/// Where the bytes of a body go. The worker's thread only.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Memory for the object's bytes from `offset` on; at least one.
  [[nodiscard]] virtual std::span<std::byte> room(uint64_t offset) = 0;
  /// Bytes that were put there.
  virtual void arrived(ByteRange range) = 0;
};

/// One GET as a task of its own, so that whoever sent it can watch it, send another beside it and
/// give it up. Shared by that task and the sender; one worker's thread.
class PendingGet : public std::enable_shared_from_this<PendingGet> {
 public:
  /// Sends it. `wakeup` is notified when the answer's head or failure is there, and again when the
  /// body has ended; it must live until then or until give_up().
  static std::shared_ptr<PendingGet> send(rt::Worker& worker, Origin& origin, GetRequest request,
                                          Gate::Pass pass, rt::Wakeup& wakeup);
  PendingGet(rt::Worker& worker, GetRequest request, Gate::Pass pass, rt::Wakeup& wakeup);
  PendingGet(const PendingGet&) = delete;
  PendingGet& operator=(const PendingGet&) = delete;

  [[nodiscard]] MonoTime sent_at() const { return sent_at_; }
  [[nodiscard]] const GetRequest& request() const { return request_; }

  /// There is a head, or a failure.
  [[nodiscard]] bool answered() const { return answer_.has_value(); }
  /// The failure, or null. REQUIRES: answered.
  [[nodiscard]] const Error* failure() const { return *answer_ ? nullptr : &answer_->error(); }
  /// The answer or, once read_body() was called, the end of the body is still to come.
  [[nodiscard]] bool in_progress() const { return !answered() || (body_is_read_ && !body_ended()); }
  /// REQUIRES: answered without failure.
  [[nodiscard]] GetStream& stream() { return ***answer_; }

  /// Reads the body to its end, into `sink`. REQUIRES: a stream; once. `sink` must live until the
  /// body has ended.
  void read_body(ByteSink& sink);
  [[nodiscard]] bool body_ended() const { return body_end_.has_value(); }
  /// REQUIRES: the body has ended.
  [[nodiscard]] const Result<void>& body_end() const { return *body_end_; }
  /// The object's bytes before here have come.
  [[nodiscard]] uint64_t position() const { return position_; }

  /// When bytes last came to the sink, or the request was sent.
  [[nodiscard]] MonoTime last_arrival() const { return last_arrival_; }

  /// Bytes that came in and went to no sink.
  [[nodiscard]] uint64_t bytes_unused();

  /// It ends soon, with kCancelled, and says so.
  void stop() { stop_.request_stop(); }
  /// It ends soon, and nobody is told. REQUIRES: its body is not being read.
  void give_up();

 private:
  static rt::Task<void> get_answer(std::shared_ptr<PendingGet> self, Origin& origin);
  static rt::Task<void> read_to_end(std::shared_ptr<PendingGet> self, ByteSink& sink);
  [[nodiscard]] rt::Task<Result<void>> read_some(ByteSink& sink);
  void notify_sender();

  rt::Worker& worker_;
  GetRequest request_;
  const MonoTime sent_at_;
  std::stop_source stop_;
  rt::Wakeup* wakeup_;              // null: given up
  std::optional<Gate::Pass> pass_;  // until it has ended
  std::optional<Result<std::unique_ptr<GetStream>>> answer_;
  bool body_is_read_ = false;
  std::optional<Result<void>> body_end_;
  uint64_t position_;
  MonoTime last_arrival_;
};

using PendingGetPtr = std::shared_ptr<PendingGet>;

}  // namespace cachey::origin
