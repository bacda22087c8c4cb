#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"
#include "net/http/buffer.h"
#include "net/http/head.h"
#include "net/http/http.h"

namespace cachey::net::http1 {

/// Writes responses as HTTP/1.1, one after another. Owned by the connection; its worker's thread.
///
/// What is on the wire: the head, then the body, either plain (Content-Length bytes) or in chunks.
/// All that frames the body stands in `out_` until the kernel has taken it, and goes before the
/// body's next byte in the same sendmsg. A chunk's header announces what one offer brings; where
/// the kernel takes only part of that, the offers that follow fill the rest of the chunk before a
/// new one is opened.
class Writer final : public ResponseWriter {
 public:
  Writer(WorkerState& state, ClientSocket& socket) : state_(state), socket_(socket) {}

  /// Readies the writer for the response to `request`. After a request with a body, which nobody
  /// reads, it is the connection's last.
  void begin(const RequestHead& request);
  /// Gives back what the response took. To be called when the handler has ended.
  void give_back_memory();

  [[nodiscard]] bool finished() const { return stage_ == Stage::kFinished; }
  /// The response told the client that no other follows.
  [[nodiscard]] bool closes() const { return close_; }

  void start(const ResponseHead& head) override;
  [[nodiscard]] size_t offer(std::span<const iovec> body) override;
  [[nodiscard]] rt::Task<bool> writable() override;
  [[nodiscard]] rt::Task<bool> flush() override;
  [[nodiscard]] rt::Task<bool> finish(std::span<const Field> trailers) override;
  void abort() override;

 private:
  enum class Stage : uint8_t { kIdle, kStarted, kFinished, kAborted };

  void append_field(const Field& field);
  void append_number(uint64_t number, unsigned base);
  void append_framing(const ResponseHead& head);
  void open_chunk(size_t bytes);
  [[nodiscard]] size_t send_round(std::span<const iovec> body, size_t skip, size_t limit);
  [[nodiscard]] rt::Task<bool> send_out();

  WorkerState& state_;
  ClientSocket& socket_;
  Buffer out_;               // head, chunk headers, trailers: what the kernel has not taken yet
  uint64_t body_left_ = 0;   // of content_length, not yet offered and taken
  uint64_t chunk_left_ = 0;  // of the open chunk
  Stage stage_ = Stage::kIdle;
  bool head_only_ = false;
  bool http_1_0_ = false;
  bool close_ = false;
  bool chunked_ = false;
  bool after_chunk_ = false;  // the last chunk's closing CR LF is still owed
};

}  // namespace cachey::net::http1
