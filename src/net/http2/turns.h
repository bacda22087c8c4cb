#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>

#include "net/connection/worker_state.h"
#include "net/http2/stream.h"

namespace cachey::net::http2 {

/// Which of a connection's responses may send next. While nobody waits whoever has bytes may offer
/// them, `kTurnBytes` of all together; then they wait, though the socket be not full. Those that
/// wait are given turns of one round of frames each, in the order in which they began to wait; one
/// whose flow-control window is closed holds up nobody, and keeps its place. Owned by the session;
/// the worker's thread.
class Turns {
 public:
  Turns(WorkerState& state, Session& session) : state_(state), session_(session) {}

  /// The stream has the turn, or there is none to be had.
  [[nodiscard]] bool free_for(const Stream& stream) const;

  /// Until it is the stream's turn, or it was lost. False: its window has been closed for
  /// `write_timeout`. `needs_window`: a turn without one is of no use.
  [[nodiscard]] rt::Task<bool> wait(Stream& stream, bool needs_window);

  /// Gives the next one its turn: it runs soon, and whoever gave it calls end_turn() after that.
  /// False: nobody waits who could use it.
  [[nodiscard]] bool give_turn();
  /// Whoever sends next begins anew. Called each time the connection's loop comes round.
  void end_turn();
  /// Windows may have opened.
  void look_at_windows();
  /// The stream waits no more.
  void leave(Stream& stream);

 private:
  using Streams = boost::intrusive::list<Stream, boost::intrusive::base_hook<TurnHook>,
                                         boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] bool is_blocked(const Stream& stream) const;
  [[nodiscard]] bool is_stalled(const Stream& stream, uint64_t body_bytes_before) const;
  static void resume(Stream& stream);

  WorkerState& state_;
  Session& session_;
  const Stream* turn_ = nullptr;
  uint64_t begun_at_ = 0;  // bytes of bodies made before this turn
  Streams waiting_;        // for the socket
  Streams blocked_;        // for a window
};

}  // namespace cachey::net::http2
