#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>

#include "net/connection/worker_state.h"
#include "net/http/http.h"
#include "net/http2/head.h"
#include "net/http2/sending.h"

namespace cachey::net::http2 {

/// One request of an HTTP/2 connection and the writer of its response. Made by the session at the
/// first field of the head, owned by the call or coroutine that answers, and destroyed with it.
/// nghttp2's stream may end sooner or a little later. The worker's thread.
class Stream final : public ResponseWriter {
 public:
  /// `memory`: kRequestBytes of it are this stream's.
  Stream(WorkerState& state, Sending& sending, RequestMemory::Share& memory, int32_t id,
         MonoTime now);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] int32_t id() const { return response_.stream_id; }
  [[nodiscard]] Head& head() { return head_; }
  [[nodiscard]] bool finished() const { return stage_ == Stage::kFinished; }
  /// The stream is closed on the wire, or the connection has ended.
  [[nodiscard]] bool lost() const { return response_.lost; }
  /// Answers a head that conclude() refused.
  [[nodiscard]] rt::Task<void> refuse();

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

  [[nodiscard]] bool over() const { return stage_ == Stage::kAborted || response_.lost; }
  [[nodiscard]] bool can_finish() const;
  [[nodiscard]] rt::Task<bool> send_until(const bool& made);
  [[nodiscard]] rt::Task<void> end_body();

  WorkerState& state_;
  Sending& sending_;
  RequestMemory::Share& memory_;
  Response response_;
  Head head_;
  Stage stage_ = Stage::kIdle;
};

}  // namespace cachey::net::http2
