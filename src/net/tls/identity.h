#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/tls/openssl_ptr.h"

namespace cachey::net::tls {

/// Larger files are refused: what a handshake sends must fit one worker's scratch memory.
inline constexpr size_t kPemBytesMax = size_t{128} << 10;
/// How long a certificate of our own making is good for.
inline constexpr int64_t kSelfSignedDays = 90;

/// What a server proves itself with.
struct Identity {
  CertificatePtr certificate;
  std::vector<CertificatePtr> chain;  ///< between it and its authority
  KeyPtr key;
};

/// Whose certificates clients may show.
struct ClientAuthorities {
  std::vector<CertificatePtr> certificates;
  std::array<unsigned char, 32> digest{};  ///< of the file: another one for other authorities
};

/// Every fault is one line that names the file. A certificate that has expired is loaded, with a
/// warning in the log: clients will say the rest.
[[nodiscard]] Result<Identity> load_identity(const std::string& cert_file,
                                             const std::string& key_file);

/// A new key (P-256) and a certificate for localhost, 127.0.0.1 and ::1 that nobody has signed.
[[nodiscard]] Result<Identity> make_self_signed_identity();

[[nodiscard]] Result<ClientAuthorities> load_client_authorities(const std::string& file);

/// OpenSSL's word for what went wrong last on this thread.
[[nodiscard]] std::string openssl_reason();

}  // namespace cachey::net::tls
