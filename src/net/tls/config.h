#pragma once

#include <string>

namespace cachey::net::tls {

/// The certificate that a server shows its clients, and the certificates it asks for. Either both
/// files or `self_signed`.
struct Config {
  std::string cert_file;     ///< PEM: the certificate, then the intermediate certificates
  std::string key_file;      ///< PEM, without a passphrase
  bool self_signed = false;  ///< a certificate for localhost, a new one with each load
  /// PEM: authorities that must have signed the client's certificate. Empty: none is asked for.
  std::string client_ca_file;
  [[nodiscard]] bool enabled() const { return self_signed || !cert_file.empty(); }
};

}  // namespace cachey::net::tls
