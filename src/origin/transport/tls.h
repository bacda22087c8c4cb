#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/error.h"

namespace cachey::origin {

/// TLS 1.2 or newer with forward secrecy, the peer always verified. Trusts the certificates in
/// `ca_file` and `ca_dir`, or, where both are empty, what the system trusts. Fails where they
/// cannot be read. Any thread may make streams of it.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& ca_file, const std::string& ca_dir);

}  // namespace cachey::origin
