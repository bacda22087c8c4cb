#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>

#include "base/clock.h"
#include "net/connection/client_socket.h"
#include "net/connection/client_watch.h"
#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http/head.h"
#include "net/http/http.h"

namespace cachey::net::http1 {

/// Writes responses as HTTP/1.1, one after another. Owned by the connection; the worker's thread.
///
/// On the wire: the head, then the body, either plain (Content-Length bytes, or to the connection's
/// end) or in chunks. All framing waits in `out_` and leaves before the next body byte in the same
/// sendmsg. A chunk is as large as one offer. If the kernel takes only a part of the offer, later
/// offers fill the rest of the chunk before a new chunk begins.
class Writer final : public ResponseWriter {
 public:
  Writer(WorkerState& state, ClientSocket& socket) : state_(state), socket_(socket) {}
  ~Writer() override;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Prepares for the response to `request`. If the request has a body, which nobody reads, the
  /// response is the connection's last. `unread`: bytes behind the head have been received.
  void begin(const RequestHead& request, bool unread);
  /// Returns the buffer of the response to the worker, and ends the watch of the client. Call when
  /// the handler has ended.
  void end();

  [[nodiscard]] bool finished() const { return stage_ == Stage::kFinished; }
  /// The response has `Connection: close`.
  [[nodiscard]] bool closes() const { return close_; }

  void start(const ResponseHead& head) override;
  [[nodiscard]] size_t offer(std::span<const iovec> body) override;
  [[nodiscard]] rt::Task<bool> writable() override;
  [[nodiscard]] rt::Task<bool> flush() override;
  [[nodiscard]] rt::Task<bool> finish(std::span<const Field> trailers) override;
  [[nodiscard]] std::optional<bool> try_finish(std::span<const Field> trailers) override;
  void abort() override;
  [[nodiscard]] std::stop_token client_left() override;

 private:
  enum class Stage : uint8_t { kIdle, kStarted, kFinished, kAborted };

  void give_back_memory();
  void append_field(const Field& field);
  void append_number(uint64_t number, unsigned base);
  void append_framing(const ResponseHead& head);
  void open_chunk(size_t bytes);
  [[nodiscard]] bool offer_to_batch(std::span<const iovec> body, size_t bytes);
  [[nodiscard]] size_t send_round(std::span<const iovec> body, size_t skip, size_t limit);
  void after_wait(MonoTime begun);
  [[nodiscard]] bool can_finish() const;
  void note_finished();
  [[nodiscard]] bool try_send_out();
  [[nodiscard]] rt::Task<bool> send_out();

  WorkerState& state_;
  ClientSocket& socket_;
  Buffer out_;               // head, chunk headers, trailers that the kernel has not taken yet
  uint64_t body_left_ = 0;   // of content_length, not taken yet
  uint64_t chunk_left_ = 0;  // of the open chunk
  MonoTime full_since_{};    // when an offer last filled the socket
  std::shared_ptr<ClientWatch> watch_;  // null until a handler asks for it
  Stage stage_ = Stage::kIdle;
  bool unread_ = false;
  bool head_only_ = false;
  bool http_1_0_ = false;
  bool close_ = false;
  bool chunked_ = false;
  bool open_ended_ = false;   // the length of the body is not known
  bool after_chunk_ = false;  // the CR LF that ends the last chunk is still to be sent
};

}  // namespace cachey::net::http1
