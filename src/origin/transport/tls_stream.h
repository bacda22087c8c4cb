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
  /// Reads at least one byte. REQUIRES: `into` is not empty.
  [[nodiscard]] rt::Task<Got> read_some(std::span<std::byte> into);

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

  [[nodiscard]] Outcome outcome_of(int result) const;
  [[nodiscard]] static boost::system::error_code failure(int ssl_error, int system_error);
  [[nodiscard]] rt::Task<boost::system::error_code> settle(Outcome outcome);
  [[nodiscard]] size_t read_now(std::span<std::byte> into);

  rt::Socket& socket_;
  const std::unique_ptr<SSL, Free> ssl_;
  std::optional<Outcome> read_end_;  // how the last read_now() ended, until settled
};

}  // namespace cachey::origin
