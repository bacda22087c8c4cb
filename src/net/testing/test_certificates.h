#pragma once

#include <cstdint>
#include <string>

#include "net/tls/openssl_ptr.h"

namespace cachey::net {

/// A directory that is gone with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  /// Writes a file of that name, and returns its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

/// In PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
};

/// Issues certificates that are good for an hour, and is trusted by those who are given its own.
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
