#pragma once

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace cachey::net::tls {

template <auto kFree>
struct OpensslDelete {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

/// Owning pointers to OpenSSL's objects.
using BioPtr = std::unique_ptr<BIO, OpensslDelete<::BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<::EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslDelete<::X509_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslDelete<::SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslDelete<::SSL_free>>;

}  // namespace cachey::net::tls
