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

/// A client's TLS over a socket that somebody else owns. OpenSSL reads the socket itself, several
/// records at a time, and one call of read_some() takes what there is: a record is no event of its
/// own. After a failure nothing but the destructor may be called. One worker's thread.
class TlsStream {
 public:
  /// No call takes more, so that others on the worker have their turn.
  static constexpr size_t kReadBytesMax = 256 * 1024;

  /// `socket` is connected. `context` (make_tls_context) outlives the stream.
  TlsStream(rt::Socket& socket, TlsContext& context);

  /// Before the handshake: asks for `host` (SNI) and will accept only its certificate, by name or
  /// address. False: no certificate can be for it.
  [[nodiscard]] bool expect_host(const std::string& host);

  [[nodiscard]] rt::Task<boost::system::error_code> handshake();
  /// Why the peer's certificate was refused, or empty where it was not.
  [[nodiscard]] std::string certificate_fault() const;

  /// Sends all of `bytes`, which must live until the task ends.
  [[nodiscard]] rt::Task<boost::system::error_code> write(std::string_view bytes);

  struct Got {
    boost::system::error_code error;
    size_t bytes = 0;
  };
  /// Reads at least one byte. REQUIRES: `into` is not empty.
  [[nodiscard]] rt::Task<Got> read_some(std::span<std::byte> into);

  /// Something has come that was not read.
  [[nodiscard]] bool has_unread() const { return ::SSL_has_pending(ssl_.get()) == 1; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };

  /// How a call ended that did not do all it should.
  struct Outcome {
    int lacks = SSL_ERROR_NONE;       // SSL_ERROR_WANT_READ or _WRITE: goes on when that is there
    boost::system::error_code error;  // else
  };

  [[nodiscard]] Outcome outcome_of(int result) const;
  [[nodiscard]] static boost::system::error_code failure(int ssl_error, int system_error);
  [[nodiscard]] rt::Task<boost::system::error_code> settle(Outcome outcome);
  [[nodiscard]] size_t read_now(std::span<std::byte> into);

  rt::Socket& socket_;
  const std::unique_ptr<SSL, Free> ssl_;
  std::optional<Outcome> read_end_;  // of the last read
};

}  // namespace cachey::origin
