#pragma once

#include <memory>
#include <string>

#include "base/error.h"

// A declaration only: boost/asio/ssl/context.hpp reads OpenSSL's headers.
namespace boost::asio::ssl {
class context;
}

namespace cachey::origin {

/// Trust and settings of a client's TLS connections.
using TlsContext = boost::asio::ssl::context;

/// TLS 1.2 or newer, with forward secrecy; the peer is always verified. Trusts the certificates in
/// `ca_file` and `ca_dir`, or the system's if both are empty. kBadRequest if they cannot be read.
/// Any thread may make streams of the context.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const std::string& ca_file,
                                                                   const std::string& ca_dir);

}  // namespace cachey::origin
