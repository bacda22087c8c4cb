#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>

#include "base/error.h"
#include "rt/io.h"

namespace cachey::origin {

/// TLS over a socket that somebody else owns.
using TlsStream = boost::asio::ssl::stream<rt::Socket&>;

/// TLS 1.2 or newer with forward secrecy, the peer always verified. Trusts the certificates in
/// `ca_file` and `ca_dir`, or, where both are empty, what the system trusts. Fails where they
/// cannot be read. Any thread may make streams of it.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& ca_file, const std::string& ca_dir);

/// Before the handshake: asks for `host` (SNI) and will accept only its certificate, by name or
/// address.
[[nodiscard]] bool expect_host(TlsStream& stream, const std::string& host);

/// Why the peer's certificate was refused, or empty where it was not.
[[nodiscard]] std::string certificate_fault(TlsStream& stream);

}  // namespace cachey::origin
