#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>

namespace cachey {

/// A certificate, its key and the certificate of the authority that signed it. PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
  std::string authority;
};

inline constexpr int64_t kOneHour = 3600;
inline constexpr int64_t kExpired = -60;
inline constexpr const char* kLocalNames = "DNS:localhost,IP:127.0.0.1";

/// Issues certificates for tests. A peer that trusts certificate() accepts all of them.
class TestAuthority {
 public:
  TestAuthority();

  /// PEM.
  [[nodiscard]] std::string certificate() const;
  /// A certificate that expires `valid_seconds` from now, for servers and clients. `names`: its
  /// subject alternative names.
  [[nodiscard]] TestIdentity issue(int64_t valid_seconds = kOneHour,
                                   const std::string& names = kLocalNames) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { ::X509_free(certificate); }
  };

  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> certificate_;
};

/// Signed by an authority of its own.
[[nodiscard]] inline TestIdentity make_test_identity(const std::string& names,
                                                     int64_t valid_seconds = kOneHour) {
  return TestAuthority().issue(valid_seconds, names);
}

/// A key in PEM, encrypted with a passphrase.
[[nodiscard]] std::string encrypted_key();

}  // namespace cachey
