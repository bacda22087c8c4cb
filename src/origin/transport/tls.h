#pragma once

#include <memory>
#include <string>

#include "base/error.h"

// Declared only: whoever needs more of it includes boost/asio/ssl/context.hpp, and with it OpenSSL.
namespace boost::asio::ssl {
class context;
}

namespace cachey::origin {

/// Trust and settings of a client's TLS connections.
using TlsContext = boost::asio::ssl::context;

/// TLS 1.2 or newer with forward secrecy, the peer always verified. Trusts the certificates in
/// `ca_file` and `ca_dir`, or, where both are empty, what the system trusts. Fails where they
/// cannot be read. Any thread may make streams of it.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const std::string& ca_file,
                                                                   const std::string& ca_dir);

}  // namespace cachey::origin
