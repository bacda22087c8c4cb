#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/connection/worker_state.h"
#include "net/http/http.h"
#include "net/http2/head.h"
#include "rt/waiter.h"

namespace cachey::net::http2 {

class Session;
class Turns;

/// Where a stream stands among all of its session, beside its place among those that wait.
struct OfSession;
using SessionHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<OfSession>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using TurnHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One request of an HTTP/2 connection and the response to it. Made by the session at the head's
/// first field, handed to the coroutine that answers, and destroyed when that ends; nghttp2's
/// stream may be gone before or live on a little. The worker's thread.
class Stream final : public ResponseWriter, public SessionHook, public TurnHook {
 public:
  Stream(WorkerState& state, Session& session, int32_t id);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] int32_t id() const { return id_; }
  [[nodiscard]] Head& head() { return head_; }
  [[nodiscard]] bool finished() const { return stage_ == Stage::kFinished; }
  /// Answers a head that conclude() refused.
  [[nodiscard]] rt::Task<void> refuse();

  void start(const ResponseHead& head) override;
  [[nodiscard]] size_t offer(std::span<const iovec> body) override;
  [[nodiscard]] rt::Task<bool> writable() override;
  [[nodiscard]] rt::Task<bool> flush() override;
  [[nodiscard]] rt::Task<bool> finish(std::span<const Field> trailers) override;
  void abort() override;

  // What the session tells. Nothing of it resumes the handler at once.

  /// The stream is closed on the wire, or the connection has ended.
  void lose();
  [[nodiscard]] bool lost() const { return lost_; }
  void head_made() { head_made_ = true; }
  void body_made(size_t bytes) { body_left_ -= bytes; }
  void end_made() { end_made_ = true; }

  /// Of the body, not yet made into frames.
  [[nodiscard]] uint64_t body_left() const { return body_left_; }
  [[nodiscard]] bool has_trailers() const { return has_trailers_; }

 private:
  friend class Turns;
  enum class Stage : uint8_t { kIdle, kStarted, kFinished, kAborted };

  [[nodiscard]] bool over() const { return stage_ == Stage::kAborted || lost_; }
  [[nodiscard]] rt::Task<bool> send_until(const bool& made);

  WorkerState& state_;
  Session& session_;
  const int32_t id_;
  Head head_;
  uint64_t body_left_ = 0;
  rt::Waiter* waiter_ = nullptr;  // of the coroutine that waits for its turn
  Stage stage_ = Stage::kIdle;
  bool lost_ = false;
  bool head_only_ = false;
  bool has_trailers_ = false;
  bool head_made_ = false;     // its frame leaves with the next send
  bool end_made_ = false;      // as head_made_, of the frame that ends the response
  bool needs_window_ = false;  // while it waits: for room for body bytes, not for the socket alone
};

}  // namespace cachey::net::http2
