#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "net/http/buffer.h"
#include "net/tls/context.h"
#include "net/tls/openssl_ptr.h"
#include "net/tls/worker.h"

namespace cachey::net::tls {

/// The TLS of one connection, between the plaintext of those above and a socket that somebody else
/// owns: calls that never block and never wait. Reads the socket straight into OpenSSL's record
/// buffer. Writes through the worker's scratch memory, many records to a sendmsg; what the kernel
/// does not take is pending, and goes before anything else. Owned by the ClientSocket; its worker's
/// thread.
class Stream {
 public:
  enum class Step : uint8_t { kDone, kWaits, kFailed };

  /// Plaintext taken in one call to send(); then others have their turn.
  static constexpr size_t kTurnBytes = size_t{1} << 20;
  /// What OpenSSL holds for a connection that waits for a request.
  static constexpr int64_t kIdleBytes = 14'000;

  /// `socket`: open as long as this is used.
  Stream(Worker& worker, int socket) : worker_(worker), socket_(socket) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// As far as it gets with what has come in. kWaits: again, when the socket is readable.
  [[nodiscard]] Step handshake();
  /// The client has sent something: a handshake that fails now is one of ours.
  [[nodiscard]] bool begun() const { return begun_; }
  /// The handshake failed because the client speaks HTTP without TLS. Nothing was read of it.
  [[nodiscard]] bool got_plain_http() const { return got_plain_http_; }
  [[nodiscard]] bool resumed() const { return ::SSL_session_reused(ssl_.get()) == 1; }
  /// `h2`, `http/1.1`, or nothing where the client did not ask.
  [[nodiscard]] std::string_view alpn() const;

  /// Plaintext that came in; 0: the client has ended its side, or broken(); nothing: none is there
  /// yet. An end without the client's word for it is a breach, not an end.
  [[nodiscard]] std::optional<size_t> receive(std::span<char> into);
  /// receive() may bring more though the socket has nothing.
  [[nodiscard]] bool has_input() const;

  /// How many bytes of `parts` were taken, `bytes` in all: encrypted, and with the kernel or
  /// pending.
  [[nodiscard]] size_t send(std::span<const iovec> parts, size_t bytes);
  /// Bytes that are encrypted and that the kernel has not taken.
  [[nodiscard]] size_t pending() const { return pending_.size(); }
  /// Offers what is pending to the kernel. True: nothing is.
  [[nodiscard]] bool flush();

  /// Tells the client that nothing follows.
  void end_sending();

  [[nodiscard]] bool broken() const { return broken_; }

 private:
  class Parts;

  static const BIO_METHOD* transport();
  static int on_read(BIO* bio, char* into, int bytes);
  static int on_write(BIO* bio, const char* from, int bytes);

  [[nodiscard]] bool begin();
  [[nodiscard]] Step finish_handshake();
  [[nodiscard]] Step fail_handshake(std::string_view reason);
  [[nodiscard]] bool client_is_verified() const;
  void end_handshake();
  [[nodiscard]] size_t encrypt(Parts& parts, size_t budget);
  [[nodiscard]] bool seal(std::span<const char> plaintext);
  [[nodiscard]] bool send_output();
  [[nodiscard]] size_t send_to_kernel(std::span<const char> bytes);
  void set_pending(Buffer buffer);

  Worker& worker_;
  const int socket_;
  std::shared_ptr<const Context> context_;  // from the first byte on
  SslPtr ssl_;
  Buffer pending_;
  size_t window_ = Worker::kRecordBytes;  // for the next sendmsg
  bool begun_ = false;
  bool in_handshake_ = false;  // counted by the worker
  bool got_plain_http_ = false;
  bool starved_ = false;  // what OpenSSL has of the input is less than a record
  bool broken_ = false;
};

}  // namespace cachey::net::tls
