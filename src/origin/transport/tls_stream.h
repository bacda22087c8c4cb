#pragma once

#include <openssl/ssl.h>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "origin/transport/tls.h"
#include "rt/io.h"

namespace cachey::origin {

/// A client's TLS over a socket that the caller owns. OpenSSL reads the socket itself, several
/// records at a time; one read_some() returns the data of all records that have come. After a
/// failure only the destructor may be called. One worker's thread.
class TlsStream {
 public:
  /// One read_some() takes at most this much, so that other tasks of the worker run in between.
  static constexpr size_t kReadBytesMax = 256 * 1024;

  /// Records in a row that may come without data for us, as on the side of our clients
  /// (net::tls::Stream): each record with data makes up for one. Past it, reads fail.
  static constexpr size_t kEmptyRecordsMax = 32;
  /// Records of a server's part of a handshake.
  static constexpr size_t kHandshakeRecordsMax = 128;

  /// REQUIRES: `socket` is connected. `context` (make_tls_context) outlives the stream.
  TlsStream(rt::Socket& socket, TlsContext& context);

  /// Sends `host` as SNI, and accepts only a certificate of this name or address. Call before the
  /// handshake. False if no certificate can name `host`.
  [[nodiscard]] bool expect_host(const std::string& host);

  [[nodiscard]] rt::Task<boost::system::error_code> handshake();
  /// Why the peer's certificate was refused; empty if it was not.
  [[nodiscard]] std::string certificate_fault() const;

  /// Sends all of `bytes`, which must live until the task ends.
  [[nodiscard]] rt::Task<boost::system::error_code> write(std::string_view bytes);

  struct Got {
    boost::system::error_code error;
    size_t bytes = 0;
  };
  /// Reads at least one byte. Fails after kEmptyRecordsMax records without data. REQUIRES: `into`
  /// is not empty.
  [[nodiscard]] rt::Task<Got> read_some(std::span<std::byte> into);

  /// The stream ended because too many records without data have come.
  [[nodiscard]] bool had_too_many_records() const { return records_ > records_max_; }

  /// Whether OpenSSL holds data that was not read.
  [[nodiscard]] bool has_unread() const { return ::SSL_has_pending(ssl_.get()) == 1; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };

  /// Why a call of OpenSSL did not do all of its work.
  struct Outcome {
    int lacks = SSL_ERROR_NONE;       // SSL_ERROR_WANT_READ or _WRITE: waits for the socket
    boost::system::error_code error;  // if lacks is SSL_ERROR_NONE
  };

  static void on_message(int is_ours, int version, int type, const void* message, size_t bytes,
                         SSL* ssl, void* self);
  void count_record();

  [[nodiscard]] Outcome outcome_of(int result) const;
  [[nodiscard]] static boost::system::error_code failure(int ssl_error, int system_error);
  [[nodiscard]] rt::Task<boost::system::error_code> settle(Outcome outcome);
  [[nodiscard]] size_t read_now(std::span<std::byte> into);

  rt::Socket& socket_;
  const std::unique_ptr<SSL, Free> ssl_;
  size_t records_ = 0;  // without data, or of the handshake
  size_t records_max_ = kHandshakeRecordsMax;
  std::optional<Outcome> read_end_;  // how the last read_now() ended, until settled
};

}  // namespace cachey::origin
