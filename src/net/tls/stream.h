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

/// TLS of one connection, between plaintext and the socket of a ClientSocket. Calls never block and
/// never wait. Reads from the socket into OpenSSL's record buffer. Writes through the worker's
/// scratch memory, many records in one send(); ciphertext that the kernel does not take is pending,
/// and is sent before any other. Owned by the ClientSocket; the worker's thread.
class Stream {
 public:
  enum class Step : uint8_t { kDone, kWaits, kFailed };

  /// Plaintext taken in one call of send(), so that other connections get their turn.
  static constexpr size_t kTurnBytes = size_t{1} << 20;
  /// Memory that OpenSSL holds for an idle connection.
  static constexpr int64_t kIdleBytes = 14'500;
  /// Records in a row that may come without data for us: key updates, empty records, warnings,
  /// attempts to renegotiate. Each record with data makes up for one. Past it, the connection is
  /// broken. BoringSSL takes 32 of each kind in a row (kMaxKeyUpdates, kMaxEmptyRecords).
  static constexpr size_t kEmptyRecordsMax = 32;
  /// Records of a client's part of a handshake: 32 KiB of certificates in records of 512 B, and
  /// some more.
  static constexpr size_t kHandshakeRecordsMax = 128;

  /// `socket`: stays open while this is used.
  Stream(Worker& worker, int socket) : worker_(worker), socket_(socket), handshake_(socket) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Continues the handshake with the received bytes. kWaits: call again when the socket is
  /// readable.
  [[nodiscard]] Step handshake();
  /// The client has sent a byte. A handshake counts as failed only after that.
  [[nodiscard]] bool begun() const { return begun_; }
  /// The handshake failed because the client sent HTTP without TLS. None of it was read.
  [[nodiscard]] bool got_plain_http() const { return got_plain_http_; }
  [[nodiscard]] bool resumed() const { return ::SSL_session_reused(ssl_.get()) == 1; }
  /// `h2`, `http/1.1`, or empty if the client did not use ALPN.
  [[nodiscard]] std::string_view alpn() const;

  /// Reads received plaintext. 0: the client has closed its side, or broken(). nullopt: none yet.
  /// An end of the connection without close_notify makes the stream broken().
  [[nodiscard]] std::optional<size_t> receive(std::span<char> into);
  /// As receive(), but leaves the plaintext where it is. At most 1.
  [[nodiscard]] std::optional<size_t> peek();
  /// receive() may return bytes although the socket has none: OpenSSL has buffered input.
  [[nodiscard]] bool has_input() const;

  /// Encrypts and sends. `bytes`: the sum of `parts`. Returns how many bytes were taken: their
  /// ciphertext is in the kernel or pending.
  [[nodiscard]] size_t send(std::span<const iovec> parts, size_t bytes);
  /// Bytes of ciphertext that the kernel has not taken.
  [[nodiscard]] size_t pending() const { return pending_.size(); }
  /// Sends pending bytes. True: none is left.
  [[nodiscard]] bool flush();

  /// Sends close_notify.
  void end_sending();

  [[nodiscard]] bool broken() const { return broken_; }

 private:
  class Parts;

  static const BIO_METHOD* transport();
  static int on_read(BIO* bio, char* into, int bytes);
  static int on_write(BIO* bio, const char* from, int bytes);
  static void on_message(int is_ours, int version, int type, const void* message, size_t bytes,
                         SSL* ssl, void* self);

  using ReadCall = int (*)(SSL* ssl, void* into, size_t bytes_max, size_t* bytes);

  [[nodiscard]] std::optional<size_t> read(std::span<char> into, ReadCall call);
  [[nodiscard]] bool begin();
  [[nodiscard]] Step finish_handshake();
  [[nodiscard]] Step fail_handshake(std::string_view reason);
  [[nodiscard]] bool client_is_verified() const;
  void count_record();
  void end_handshake() { worker_.end_handshake(handshake_); }
  [[nodiscard]] size_t encrypt(Parts& parts, size_t budget);
  [[nodiscard]] bool seal(std::span<const char> plaintext);
  [[nodiscard]] bool send_output();
  [[nodiscard]] size_t send_to_kernel(std::span<const char> bytes);
  void set_pending(Buffer buffer);

  Worker& worker_;
  const int socket_;
  std::shared_ptr<const Context> context_;  // set at the client's first byte
  SslPtr ssl_;
  Buffer pending_;
  size_t window_ = Worker::kRecordBytes;  // plaintext to encrypt for the next send()
  Handshake handshake_;                   // in the worker's list until its end
  size_t records_ = 0;                    // received, less two for each record with data
  size_t records_max_ = kHandshakeRecordsMax;
  bool begun_ = false;
  bool got_plain_http_ = false;
  bool too_many_records_ = false;
  bool starved_ = false;  // OpenSSL's buffered input is less than a record
  bool broken_ = false;
};

}  // namespace cachey::net::tls
