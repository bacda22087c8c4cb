#pragma once

#include <string>

namespace cachey::net::tls {

/// What a server that speaks TLS shows its clients, and asks of them. Either both files or
/// `self_signed`.
struct Config {
  std::string cert_file;     ///< PEM: the certificate, then those between it and its authority
  std::string key_file;      ///< PEM, without a passphrase
  bool self_signed = false;  ///< a certificate for localhost, made anew with each load
  /// PEM: clients must show a certificate by one of these. Empty: they are not asked for one.
  std::string client_ca_file;
  [[nodiscard]] bool enabled() const { return self_signed || !cert_file.empty(); }
};

}  // namespace cachey::net::tls
