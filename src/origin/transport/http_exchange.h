#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "origin/transport/chunked.h"
#include "origin/transport/connection_pool.h"
#include "origin/transport/failure.h"
#include "origin/transport/response_head.h"

namespace cachey::origin {

/// A body that is read as one text, such as an error document, is read up to here.
inline constexpr size_t kSmallBodyBytesMax = 64 * 1024;

/// Limits of an answer's body.
struct BodyLimits {
  std::chrono::milliseconds stall;     ///< without a byte while one is asked for
  std::chrono::milliseconds idle;      ///< how long the connection is kept after it
  std::chrono::milliseconds idle_max;  ///< where the server says how long it waits
};

/// One request and its answer over a leased connection: send, read the head, then the body, then
/// give the connection back. The body goes straight into the reader's memory, but for the few bytes
/// that came with the head and the framing of chunks. Owned by the caller; one worker's thread;
/// destroyed before the body's end it closes the connection.
class HttpExchange {
 public:
  HttpExchange(rt::Worker& worker, ConnectionPool::Lease lease, const BodyLimits& limits)
      : worker_(worker), lease_(std::move(lease)), limits_(limits) {}

  /// Sends `request` and reads the head of the answer, past any 1xx.
  [[nodiscard]] rt::Task<Attempt<ResponseHead>> start(std::string_view request, MonoTime deadline);

  /// The request went out on a used connection that the server had ended in the meantime, so that
  /// it may be sent again: no byte of an answer has come. After start() failed.
  [[nodiscard]] bool died_unanswered() const { return died_unanswered_; }

  /// The body that comes has `bytes`. Before the first read().
  void expect_body(uint64_t bytes) { body_left_ = bytes; }

  /// Reads what has come of the body. With the last byte, makes sure that it was the last and gives
  /// the connection back. kTimeout where nothing comes, kUpstream where the body is broken.
  [[nodiscard]] rt::Task<Result<size_t>> read(std::span<std::byte> into);

  /// Bytes of the body that have come and were not read: about so many.
  [[nodiscard]] uint64_t unread_bytes();

  /// Reads the body of an error as far as kSmallBodyBytesMax. Nothing where it broke off, or did
  /// not end by `deadline`.
  [[nodiscard]] rt::Task<std::optional<std::string>> read_small_body(MonoTime deadline);

  /// After read_small_body(): gives the connection back, or closes it where `reuse` is false or
  /// the text was longer.
  void finish_small_body(bool reuse);

 private:
  [[nodiscard]] rt::Task<Attempt<ResponseHead>> read_head(MonoTime deadline);
  [[nodiscard]] rt::Task<IoResult<void>> fill(MonoTime deadline);
  [[nodiscard]] rt::Task<IoResult<size_t>> receive(std::span<std::byte> into, MonoTime deadline);
  [[nodiscard]] rt::Task<IoResult<size_t>> receive_chunked(std::span<std::byte> into,
                                                           MonoTime deadline);
  [[nodiscard]] rt::Task<Result<void>> finish();
  [[nodiscard]] std::string_view unread() const {
    return std::string_view(buffer_).substr(unread_begin_);
  }
  [[nodiscard]] Result<size_t> body_failure(const IoFailure& failure);
  [[nodiscard]] MonoTime stall_deadline() const { return worker_.timers().now() + limits_.stall; }
  void give_back();

  rt::Worker& worker_;
  ConnectionPool::Lease lease_;
  const BodyLimits limits_;
  std::string buffer_;       // bytes past what was read directly: heads, framing, the body's first
  size_t unread_begin_ = 0;  // what stands before has been used
  bool died_unanswered_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool until_close_ = false;
  std::optional<uint64_t> content_length_;
  std::optional<std::chrono::seconds> keep_alive_timeout_;
  uint64_t body_left_ = 0;
  bool small_body_ended_ = false;
  ChunkDecoder chunks_;
};

}  // namespace cachey::origin
