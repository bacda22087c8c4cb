#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>

#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"
#include "net/http/http.h"
#include "net/http2/client_budget.h"
#include "net/http2/codec.h"
#include "net/http2/loop_waker.h"
#include "net/http2/output.h"
#include "net/http2/turns.h"

namespace cachey::net::http2 {

/// The state of one response for Sending. Owned by the stream. Sending and Session write the flags
/// from within nghttp2's callbacks, and stop `left` there; no handler is resumed at once.
struct Response
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  Response(int32_t id, MonoTime now) : stream_id(id), begun(now), place(id) {}

  const int32_t stream_id;
  const MonoTime begun;    ///< when the request's head began
  bool head_only = false;  ///< to HEAD
  bool has_trailers = false;
  bool lost = false;        ///< the stream is closed on the wire, or the connection has ended
  bool head_made = false;   ///< the frame of the head leaves with the next send
  bool end_made = false;    ///< as head_made, of the frame that ends the response
  uint64_t body_left = 0;   ///< bytes that are in no frame yet
  bool open_ended = false;  ///< the length of the body is not known
  bool ends_body = false;   ///< no more bytes come: the body ends with an empty frame
  bool body_ended = false;  ///< that frame is made
  std::stop_source left{std::nostopstate};  ///< stopped when the response is lost
  Turns::Place place;
};

/// The sending half of an HTTP/2 connection: heads and trailers, bodies from the handlers' memory
/// to the socket, and the end of the connection. Owned by Session; the worker's thread.
///
/// Frames are made only while the socket takes them, so nothing piles up here: the rest of a body
/// stays with its handler until the client reads.
class Sending {
 public:
  Sending(WorkerState& state, ClientSocket& socket, Codec& codec, ClientBudget& budget)
      : state_(state),
        socket_(socket),
        codec_(codec),
        budget_(budget),
        loop_(socket),
        turns_(state, codec, loop_),
        output_(state, socket) {}
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  // For responses.

  /// Registers the response of a new stream. remove() must come before it is destroyed.
  void add(Response& response);
  void remove(Response& response);

  void submit_head(Response& response, const ResponseHead& head);
  void submit_trailers(Response& response, std::span<const Field> trailers);
  /// Makes frames of `body` and sends them. `bytes`: the sum of its parts. Returns how many of them
  /// were taken: the caller may reuse their memory.
  [[nodiscard]] size_t offer(Response& response, std::span<const iovec> body, size_t bytes);
  /// No more bytes will be offered; the next push() ends the body, if its windows are open.
  void end_body(Response& response);
  /// offer() would take something.
  [[nodiscard]] bool takes_body(const Response& response) const;
  /// As send(); within a batch it only makes the frames.
  void push();
  void reset(Response& response, uint32_t code);
  [[nodiscard]] Turns& turns() { return turns_; }

  // For the connection and its session.

  /// Until end_batch(), small bodies are copied and leave together.
  void begin_batch() { batch_ = true; }
  void end_batch();
  /// Makes all frames that can be made, and sends them.
  void send();
  /// Asks the client to open no more streams. Open streams go on. Once; then nothing.
  void announce_end();
  /// Sends GOAWAY with an error code of HTTP/2, as the connection's last frame.
  void terminate(uint32_t code);
  [[nodiscard]] bool terminated() const { return terminated_; }
  /// As terminate(), from within nghttp2's callbacks: takes effect with send().
  void calm_down() { calm_down_ = true; }

  /// The response can send no more. Null from find() if the stream's object is gone.
  void lose(Response& response);
  void lose_all();
  [[nodiscard]] Response* find(int32_t stream_id) const;
  [[nodiscard]] size_t count() const { return count_; }
  /// Responses of count() that are lost, so that their handlers end soon.
  [[nodiscard]] size_t lost() const { return lost_; }

  /// The client may send something yet, or there is something to be sent.
  [[nodiscard]] bool alive() const;
  /// Bytes of memory that wait for the kernel.
  [[nodiscard]] size_t held() const { return output_.held(); }
  [[nodiscard]] LoopWaker& loop() { return loop_; }

  /// nghttp2's send_data_callback.
  static int on_send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* frame_head,
                          size_t bytes, nghttp2_data_source* source, void* session_object);

 private:
  using Responses = boost::intrusive::list<Response, boost::intrusive::constant_time_size<false>>;

  /// The body that a handler offers, during its call.
  struct Offering {
    Response* response = nullptr;
    std::span<const iovec> parts;
    size_t skip = 0;  // bytes of the first part that are taken
    size_t left = 0;
    bool copy = false;
  };

  [[nodiscard]] ssize_t end_frame_bytes(int32_t stream_id, uint32_t& flags) const;
  [[nodiscard]] ssize_t next_frame_bytes(int32_t stream_id, size_t bytes_max,
                                         uint32_t& flags) const;
  void account_for_data(size_t bytes, size_t offered);
  int append_data(std::string_view frame_head, size_t bytes);
  void make_frames();

  WorkerState& state_;
  ClientSocket& socket_;
  Codec& codec_;
  ClientBudget& budget_;
  LoopWaker loop_;
  Turns turns_;
  Output output_;
  Responses responses_;
  size_t count_ = 0;  // of responses_
  size_t lost_ = 0;
  Offering offering_;
  bool batch_ = false;
  bool calm_down_ = false;
  bool end_announced_ = false;
  bool terminated_ = false;
};

}  // namespace cachey::net::http2
