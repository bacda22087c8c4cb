#pragma once

#include <cstdint>
#include <string>

#include "net/tls/openssl_ptr.h"

namespace cachey::net {

/// A directory that is removed at the end of the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file in the directory, and returns its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

/// In PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
};

/// Issues certificates. certificate() is its own, for trust stores.
class TestAuthority {
 public:
  TestAuthority();

  [[nodiscard]] std::string certificate() const;
  /// For localhost and 127.0.0.1, or for a client. `seconds`: until it expires.
  [[nodiscard]] TestIdentity issue(int64_t seconds = 3600) const;

 private:
  tls::KeyPtr key_;
  tls::CertificatePtr certificate_;
};

/// A key in PEM, encrypted with a passphrase.
[[nodiscard]] std::string encrypted_key();

}  // namespace cachey::net
