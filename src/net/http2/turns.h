#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "net/connection/worker_state.h"
#include "net/http2/codec.h"
#include "net/http2/loop_waker.h"
#include "rt/waiter.h"

namespace cachey::net::http2 {

/// Which of a connection's responses may send next.
///
/// If no response waits, any may send, kTurnBytes in total; after that they queue even if the
/// socket has room. Queued responses get turns of one round of frames each, in FIFO order; a
/// full socket may split a round over several turns. A response with a closed flow-control window
/// waits aside: the response blocks no other and keeps its place. Owned by Sending; the worker's
/// thread.
class Turns {
 public:
  /// What a response waits for: a turn, or a turn with an open flow-control window.
  enum class Need : uint8_t { kTurn, kWindow };

  /// One response's place in the queue. Owned by the response, which outlives its wait.
  class Place : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    explicit Place(int32_t stream_id) : stream_id_(stream_id) {}

   private:
    friend class Turns;
    const int32_t stream_id_;
    Need need_ = Need::kTurn;
    uint64_t round_bytes_ = 0;  // of body, in this turn and in the turns that were cut short
    std::optional<MonoTime> blocked_since_;  // in blocked_
    // Since the last kLeastBytes of body:
    std::chrono::nanoseconds blocked_{};  // the time in blocked_, without the current wait
    uint64_t body_bytes_ = 0;
    uint64_t begun_at_ = 0;         // Turns::body_bytes_made_ then
    rt::Waiter* waiter_ = nullptr;  // of the coroutine that waits for the turn
  };

  Turns(WorkerState& state, const Codec& codec, LoopWaker& loop)
      : state_(state), codec_(codec), loop_(loop) {}

  /// The response may send now.
  [[nodiscard]] bool may_send(const Place& place) const;
  /// Frames with `bytes` of the response's body were made.
  void count_body(Place& place, size_t bytes);

  /// Waits until the response has the turn, or has left. False: for each kLeastBytes of body, a
  /// response may wait for its window `write_timeout` in all. If only the connection's window is
  /// closed, kLeastBytes of any response are enough.
  [[nodiscard]] rt::Task<bool> wait(Place& place, Need need);

  /// Gives the next response its turn. The response runs soon; the caller calls end_turn() after
  /// that. False: no waiting response can send.
  [[nodiscard]] bool give_turn();
  /// Ends the turn and its count of bytes. Called once each time the connection's loop comes round.
  void end_turn();
  /// Queues the responses whose windows have opened.
  void queue_unblocked();
  /// The response no longer waits.
  void leave(Place& place);

 private:
  using Places = boost::intrusive::list<Place, boost::intrusive::constant_time_size<false>>;

  void enqueue(Place& place);
  [[nodiscard]] bool is_blocked(const Place& place) const;
  void block(Place& place, Places::iterator before);
  void end_block(Place& place);
  [[nodiscard]] bool is_stalled(Place& place);
  void begin_measure(Place& place);
  static void resume(Place& place);

  WorkerState& state_;
  const Codec& codec_;
  LoopWaker& loop_;
  const Place* turn_ = nullptr;
  uint64_t body_bytes_made_ = 0;
  uint64_t begun_at_ = 0;  // body_bytes_made_ when this turn began
  Places waiting_;         // for the socket
  Places blocked_;         // for a window
};

}  // namespace cachey::net::http2
