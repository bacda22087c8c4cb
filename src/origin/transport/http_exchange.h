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

/// read_small_body() cuts longer bodies here.
inline constexpr size_t kSmallBodyBytesMax = 64 * 1024;

/// Limits of an answer's body.
struct BodyLimits {
  std::chrono::milliseconds first;     ///< timeout of the first byte, from the head on
  std::chrono::milliseconds stall;     ///< timeout of a later read that gets no byte
  std::chrono::milliseconds idle;      ///< the connection is kept this long after the body
  std::chrono::milliseconds idle_max;  ///< at most this long, if the server announces its own time
};

/// One request and its answer over a leased connection: sends the request, reads the head, then the
/// body, then gives the connection back. The body is received straight into the reader's memory;
/// only the framing of chunks and bytes that came in one read with the head are copied. If
/// destroyed before the body's end, the connection is closed. Owned by the caller; one worker's
/// thread.
class HttpExchange {
 public:
  HttpExchange(rt::Worker& worker, ConnectionPool::Lease lease, const BodyLimits& limits)
      : worker_(worker), lease_(std::move(lease)), limits_(limits) {}

  /// Whether a body follows the head. To a HEAD none does, whatever the head says of its length.
  enum class Body : uint8_t { kFollows, kNone };

  /// Sends `request` and reads the head of the answer; skips 1xx answers.
  [[nodiscard]] rt::Task<Attempt<ResponseHead>> start(std::string_view request, MonoTime deadline,
                                                      Body body = Body::kFollows,
                                                      KeepLines lines = KeepLines::kAttributes);

  /// True if the server had closed the used connection before the request, so that the request may
  /// be sent again: no byte of an answer has come, or a 408 that ends the connection, the server's
  /// farewell to an idle connection (RFC 9110 15.5.9). Call after start() failed.
  [[nodiscard]] bool died_unanswered() const { return died_unanswered_; }

  /// Sets the body's size. Call before the first read().
  void expect_body(uint64_t bytes) { body_left_ = bytes; }

  /// Reads at least one byte of the body. After the last byte, checks that nothing follows, and
  /// gives the connection back; closes the connection if the last chunk or the close is late.
  /// kTimeout if nothing comes, kUpstream if the body is broken.
  /// REQUIRES: `into` is not empty, and the body has bytes left.
  [[nodiscard]] rt::Task<Result<size_t>> read(std::span<std::byte> into);

  /// Reads at least one byte of a body of any framing, instead of the other reads; 0: the body's
  /// end, now and in later calls, and the connection is given back. Errors: as read(); also a body
  /// that ends before its announced length. REQUIRES: `into` is not empty.
  [[nodiscard]] rt::Task<Result<size_t>> read_any(std::span<std::byte> into);

  /// About how many bytes of the body have come and were not read.
  [[nodiscard]] uint64_t unread_bytes();

  /// Waits for the first byte of a chunked body, instead of the other reads. True: the body has
  /// ended without a byte, and the connection is given back. False: has a byte, is of another
  /// framing, or did not come by `deadline` or within BodyLimits::first.
  [[nodiscard]] rt::Task<bool> is_empty(MonoTime deadline);

  /// Reads a whole body, cut at kSmallBodyBytesMax. The text of an error (status >= 300) without a
  /// length also ends with a pause of 500 ms. Nothing if the body broke off, or did not end
  /// by `deadline` or within BodyLimits::stall.
  [[nodiscard]] rt::Task<std::optional<std::string>> read_small_body(MonoTime deadline);

  /// Gives the connection back, or closes it if bytes of a body have come. REQUIRES: Body::kNone.
  void finish_bodiless() { give_back(); }

  /// Call after read_small_body(). Gives the connection back, or closes the connection if `reuse`
  /// is false or the body was cut.
  void finish_small_body(bool reuse);

 private:
  [[nodiscard]] rt::Task<Attempt<ResponseHead>> read_head(MonoTime deadline, KeepLines lines);
  [[nodiscard]] rt::Task<IoResult<void>> fill(MonoTime deadline);
  // 0: the end of a chunked body.
  [[nodiscard]] rt::Task<IoResult<size_t>> receive_body(std::span<std::byte> into,
                                                        MonoTime deadline);
  [[nodiscard]] rt::Task<IoResult<size_t>> receive(std::span<std::byte> into, MonoTime deadline);
  [[nodiscard]] rt::Task<IoResult<size_t>> receive_chunked(std::span<std::byte> into,
                                                           MonoTime deadline);
  [[nodiscard]] rt::Task<Result<void>> finish();
  [[nodiscard]] std::string_view unread() const {
    return std::string_view(buffer_).substr(unread_begin_);
  }
  [[nodiscard]] Result<size_t> body_failure(const IoFailure& failure);
  [[nodiscard]] MonoTime stall_deadline() const { return worker_.timers().now() + limits_.stall; }
  [[nodiscard]] MonoTime read_deadline() const {
    return body_began_ ? stall_deadline() : worker_.timers().now() + limits_.first;
  }
  void give_back();

  rt::Worker& worker_;
  ConnectionPool::Lease lease_;
  const BodyLimits limits_;
  std::string buffer_;       // heads, framing, and bytes of the body that came with either
  size_t unread_begin_ = 0;  // the bytes of buffer_ before this have been used
  bool died_unanswered_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool until_close_ = false;
  bool is_error_ = false;  // the body is an error's text: the status alone tells the failure
  std::optional<uint64_t> content_length_;
  std::optional<std::chrono::seconds> keep_alive_timeout_;
  uint64_t body_left_ = 0;
  bool body_began_ = false;
  bool small_body_ended_ = false;
  ChunkDecoder chunks_;
};

}  // namespace cachey::origin
