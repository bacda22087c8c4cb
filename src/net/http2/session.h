#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"
#include "net/http2/limits.h"
#include "net/http2/output.h"
#include "net/http2/stream.h"
#include "net/http2/token_bucket.h"
#include "net/http2/turns.h"

namespace cachey::net::http2 {

/// The protocol part of an HTTP/2 connection: an nghttp2 session, what it may make us do, and the
/// way of bodies from the handlers' memory to the socket. It starts no handler and waits for
/// nothing. Owned by the connection; the worker's thread.
///
/// Frames are made only while the socket takes them, so that nothing piles up here: what a client
/// does not read stays with the handlers. nghttp2 is never entered from within its callbacks: they
/// note what came, and nobody is resumed by them at once.
class Session {
 public:
  Session(WorkerState& state, ClientSocket& socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // For the connection.

  /// Takes bytes as they come from the client, its preface first.
  void receive(std::span<const char> bytes);
  /// The requests whose heads came in whole since the last call.
  [[nodiscard]] std::vector<std::unique_ptr<Stream>> take_requests();
  /// Until end_batch(), small bodies are copied, to leave together.
  void begin_batch() { batch_ = true; }
  void end_batch();
  /// Makes what frames there are to be made, and sends.
  void send();
  /// Tells the client to open no more streams; those that are open go on.
  void announce_end();
  /// The connection's last word: an error code of HTTP/2.
  void terminate(uint32_t code);
  /// All streams are lost.
  void lose_streams();

  /// The client may say something yet, or is to be told something.
  [[nodiscard]] bool alive() const;
  [[nodiscard]] bool has_streams() const { return !streams_.empty(); }
  [[nodiscard]] bool had_requests() const { return had_requests_; }
  /// The client has begun what it must soon end: its preface, or a head.
  [[nodiscard]] bool owes_head() const { return incoming_ != nullptr || !greeted_; }
  /// Bytes of memory that the session holds.
  [[nodiscard]] size_t held() const;

  /// While the connection's loop waits for bytes, whoever changes what it should wait for wakes it.
  void set_loop_reads(bool reads) { loop_reads_ = reads; }
  void wake_loop();

  // For streams.

  [[nodiscard]] Turns& turns() { return turns_; }
  void submit_head(Stream& stream, const ResponseHead& head, bool ends);
  void submit_trailers(Stream& stream, std::span<const Field> trailers);
  /// Makes frames of `body` and sends them. Returns how many bytes of it need not stay.
  [[nodiscard]] size_t offer(Stream& stream, std::span<const iovec> body, size_t bytes);
  /// offer() would take something.
  [[nodiscard]] bool takes_body(const Stream& stream) const;
  /// As send(), at the end of a batch where there is one.
  void push();
  void reset(Stream& stream, uint32_t code);
  /// The stream's object is about to go.
  void forget(Stream& stream);

  /// How many bytes of body the client lets the stream send now; the second: not regarding what it
  /// lets all streams send.
  [[nodiscard]] size_t window(const Stream& stream) const;
  [[nodiscard]] size_t stream_window(const Stream& stream) const;
  [[nodiscard]] uint64_t body_bytes_made() const { return body_bytes_made_; }

 private:
  using Streams = boost::intrusive::list<Stream, boost::intrusive::base_hook<SessionHook>,
                                         boost::intrusive::constant_time_size<false>>;

  /// What a handler offers, while it does.
  struct Offering {
    const Stream* stream = nullptr;
    std::span<const iovec> parts;
    size_t skip = 0;  // bytes of the first part that are taken
    size_t left = 0;
    bool copy = false;
  };

  // nghttp2's callbacks, which know us by their last argument.
  struct Callbacks;

  int on_begin_frame(const nghttp2_frame_hd& frame);
  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(int32_t stream_id, std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  void on_body(int32_t stream_id, size_t bytes);
  void end_long_body(int32_t stream_id);
  void on_close(int32_t stream_id);
  void on_sent(const nghttp2_frame& frame);
  ssize_t on_read_body(int32_t stream_id, size_t bytes_max, uint32_t& flags);
  int on_send_body(std::string_view frame_head, size_t bytes);

  [[nodiscard]] Stream* stream_of(int32_t id) const;
  [[nodiscard]] bool too_many_streams() const;
  /// From within callbacks: the connection ends, its client does too much of something.
  int calm_down();
  void make_frames();

  WorkerState& state_;
  ClientSocket& socket_;
  Output output_;
  Turns turns_;
  size_t memory_ = 0;  // nghttp2's
  nghttp2_mem allocator_;
  nghttp2_session* session_ = nullptr;
  Streams streams_;
  size_t stream_count_ = 0;
  std::unique_ptr<Stream> incoming_;  // the one whose head is coming in
  std::vector<std::unique_ptr<Stream>> ready_;
  Offering offering_;
  uint64_t body_bytes_made_ = 0;
  size_t block_bytes_ = 0;  // encoded, of the head that is coming in
  MonoTime now_;            // of the bytes that are read
  TokenBucket resets_;
  TokenBucket chatter_;
  bool greeted_ = false;  // the client's first SETTINGS have come
  bool had_requests_ = false;
  bool batch_ = false;
  bool calm_down_ = false;
  bool terminated_ = false;
  bool loop_reads_ = false;
};

}  // namespace cachey::net::http2
