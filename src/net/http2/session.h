#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"
#include "net/http2/client_budget.h"
#include "net/http2/closed_streams.h"
#include "net/http2/codec.h"
#include "net/http2/frame_scanner.h"
#include "net/http2/sending.h"
#include "net/http2/stream.h"

namespace cachey::net::http2 {

/// The protocol part of an HTTP/2 connection: receives frames, makes streams of them and limits
/// what the client may ask for; its Sending sends. Starts no handler and waits for nothing. Owned
/// by the connection; the worker's thread.
///
/// nghttp2 is never entered from within its callbacks: they only note what came.
class Session {
 public:
  Session(WorkerState& state, ClientSocket& socket);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Sending& sending() { return sending_; }

  /// Takes bytes as they come from the client, from the connection's preface on.
  void receive(std::span<const char> bytes);
  /// The requests whose heads were completed since the last call.
  [[nodiscard]] std::vector<std::unique_ptr<Stream>> take_requests();
  /// The connection has ended: every stream is lost.
  void lose_streams();

  /// The client has sent GOAWAY with an error code: it reads no response any more.
  [[nodiscard]] bool client_failed() const { return client_failed_; }
  [[nodiscard]] bool had_requests() const { return had_requests_; }
  /// The client has begun its preface or a head, and must end it soon.
  [[nodiscard]] bool owes_head() const { return incoming_ != nullptr || !greeted_; }
  /// Bytes of memory that the session holds.
  [[nodiscard]] size_t held() const;

 private:
  struct Callbacks;  // nghttp2's; it passes `this` as their last argument

  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(int32_t stream_id, std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  void on_body(int32_t stream_id, size_t bytes);
  void on_close(int32_t stream_id);
  void on_sent(const nghttp2_frame& frame);

  void catch_up();
  void feed(size_t bytes);
  [[nodiscard]] uint32_t fault_of(const FrameHead& frame);
  [[nodiscard]] uint32_t chatter();
  [[nodiscard]] uint32_t fault_on_stream(int32_t stream_id);
  void end_long_body(int32_t stream_id);
  [[nodiscard]] bool too_many_streams();
  [[nodiscard]] bool is_quick_reset(int32_t stream_id) const;

  WorkerState& state_;
  MonoTime now_;  // when receive() was called last
  ClientBudget budget_;
  RequestMemory::Share requests_;
  Codec codec_;
  Sending sending_;
  FrameScanner scanner_;
  std::span<const char> unfed_;  // received bytes that nghttp2 has not had yet
  size_t before_frame_ = 0;      // bytes of unfed_ before the frame that is being judged
  ClosedStreams closed_;
  std::unique_ptr<Stream> incoming_;            // its head is incomplete
  std::vector<std::unique_ptr<Stream>> ready_;  // for take_requests()
  size_t block_bytes_ = 0;                      // encoded, of the incoming head
  bool greeted_ = false;                        // the client's first SETTINGS have come
  bool client_failed_ = false;
  bool had_requests_ = false;
};

}  // namespace cachey::net::http2
