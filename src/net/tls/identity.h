#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/tls/openssl_ptr.h"

namespace cachey::net::tls {

/// Larger files are refused: the bytes that a handshake sends must fit the worker's scratch memory.
inline constexpr size_t kPemBytesMax = size_t{128} << 10;
/// Lifetime of a self-signed certificate.
inline constexpr int64_t kSelfSignedDays = 90;

/// Certificate and key of a server.
struct Identity {
  CertificatePtr certificate;
  std::vector<CertificatePtr> chain;  ///< intermediate certificates
  KeyPtr key;
};

/// Authorities that may have signed a client's certificate.
struct ClientAuthorities {
  std::vector<CertificatePtr> certificates;
  std::array<unsigned char, 32> digest{};  ///< SHA-256 of the file
};

/// Every error is one line that names the file. An expired certificate is loaded with a warning in
/// the log.
[[nodiscard]] Result<Identity> load_identity(const std::string& cert_file,
                                             const std::string& key_file);

/// When the first of the certificate and its chain expires, in Unix seconds.
[[nodiscard]] int64_t earliest_end(const Identity& identity);

/// A new key (P-256) and a self-signed certificate for localhost, 127.0.0.1 and ::1.
[[nodiscard]] Result<Identity> make_self_signed_identity();

[[nodiscard]] Result<ClientAuthorities> load_client_authorities(const std::string& file);

/// OpenSSL's text for the last error of this thread.
[[nodiscard]] std::string openssl_reason();

}  // namespace cachey::net::tls
