#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/testing/certificates.h"
#include "net/server.h"
#include "net/testing/test_client.h"
#include "net/tls/context.h"
#include "net/tls/openssl_ptr.h"

namespace cachey::net {

using SessionPtr = std::unique_ptr<SSL_SESSION, tls::OpensslDelete<::SSL_SESSION_free>>;

struct TlsClientOptions {
  int version = 0;                         ///< TLS1_2_VERSION, ...; 0: the newest
  std::string_view alpn = {};              ///< as on the wire: a length, then a name
  std::string_view trusted = {};           ///< PEM; empty: any server
  const TestIdentity* identity = nullptr;  ///< the client's certificate
  SSL_SESSION* session = nullptr;          ///< to resume
  int receive_buffer = 0;                  ///< as in TestClient
  const char* cipher = nullptr;            ///< of TLS 1.3, the only one
  int fragment = 0;                        ///< TLSEXT_max_fragment_length_512, ...; 0: none
  std::string_view before = {};            ///< bytes in clear text before the handshake
};

/// A TestClient with TLS. The constructor does the handshake.
class TlsTestClient final : public TestClient {
 public:
  explicit TlsTestClient(uint16_t port, const TlsClientOptions& options = {})
      : TestClient(port, options.receive_buffer), context_(make_context(options)) {
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), fd());
    ::SSL_set_msg_callback(ssl_.get(), count_record);
    ::SSL_set_msg_callback_arg(ssl_.get(), this);
    if (options.session != nullptr) ::SSL_set_session(ssl_.get(), options.session);
    if (!options.alpn.empty()) {
      ::SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                            static_cast<unsigned>(options.alpn.size()));
    }
    (void)::send(fd(), options.before.data(), options.before.size(), MSG_NOSIGNAL);
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's socket calls raise it
    ::ERR_clear_error();
    agreed_ = ::SSL_connect(ssl_.get()) == 1;
  }

  ~TlsTestClient() override {
    ::SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN);  // without this OpenSSL drops the session
  }

  /// The handshake succeeded for the client. In TLS 1.3 the server may still refuse its
  /// certificate.
  [[nodiscard]] bool agreed() const { return agreed_; }
  [[nodiscard]] int version() const { return ::SSL_version(ssl_.get()); }
  [[nodiscard]] bool resumed() const { return ::SSL_session_reused(ssl_.get()) == 1; }
  [[nodiscard]] std::string alpn() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    ::SSL_get0_alpn_selected(ssl_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
  }
  /// The session, to resume it. In TLS 1.3 it comes with the first response.
  [[nodiscard]] SessionPtr session() const { return SessionPtr(::SSL_get1_session(ssl_.get())); }
  [[nodiscard]] SSL* ssl() { return ssl_.get(); }
  /// Number of received records of data.
  [[nodiscard]] int records() const { return records_; }
  /// Number of received key updates.
  [[nodiscard]] int key_updates() const { return key_updates_; }

 protected:
  ssize_t read_some(std::span<char> into) override {
    size_t bytes = 0;
    errno = 0;
    const int result = ::SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
    if (result == 1) return static_cast<ssize_t>(bytes);
    return ::SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
  }
  ssize_t write_some(std::string_view bytes) override {
    return ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }

 private:
  static tls::SslContextPtr make_context(const TlsClientOptions& options) {
    tls::SslContextPtr context(::SSL_CTX_new(::TLS_client_method()));
    if (options.version != 0) {
      ::SSL_CTX_set_cipher_list(context.get(), "DEFAULT@SECLEVEL=0");  // allows TLS 1.1
      ::SSL_CTX_set_min_proto_version(context.get(), options.version);
      ::SSL_CTX_set_max_proto_version(context.get(), options.version);
    }
    if (options.cipher != nullptr) ::SSL_CTX_set_ciphersuites(context.get(), options.cipher);
    if (options.fragment != 0) {
      ::SSL_CTX_set_tlsext_max_fragment_length(context.get(),
                                               static_cast<uint8_t>(options.fragment));
    }
    if (!options.trusted.empty()) {
      const tls::BioPtr bio(
          ::BIO_new_mem_buf(options.trusted.data(), static_cast<int>(options.trusted.size())));
      const tls::CertificatePtr trusted(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
      ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context.get()), trusted.get());
      ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    }
    if (options.identity != nullptr) {
      const std::string& text = options.identity->certificate;
      const tls::BioPtr bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
      const tls::CertificatePtr shown(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
      const std::string& key_text = options.identity->key;
      const tls::BioPtr key_bio(
          ::BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size())));
      const tls::KeyPtr key(::PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
      ::SSL_CTX_use_certificate(context.get(), shown.get());
      ::SSL_CTX_use_PrivateKey(context.get(), key.get());
    }
    return context;
  }

  static void count_record(int sent, int, int type, const void* head, size_t, SSL*, void* self) {
    const bool data = type == SSL3_RT_HEADER &&
                      static_cast<const unsigned char*>(head)[0] == SSL3_RT_APPLICATION_DATA;
    if (sent == 0 && data) ++static_cast<TlsTestClient*>(self)->records_;
    const bool update = type == SSL3_RT_HANDSHAKE &&
                        static_cast<const unsigned char*>(head)[0] == SSL3_MT_KEY_UPDATE;
    if (sent == 0 && update) ++static_cast<TlsTestClient*>(self)->key_updates_;
  }

  tls::SslContextPtr context_;
  tls::SslPtr ssl_;
  bool agreed_ = false;
  int records_ = 0;
  int key_updates_ = 0;
};

/// The first record of a client: a ClientHello.
inline std::string client_hello() {
  const tls::SslContextPtr context(::SSL_CTX_new(::TLS_client_method()));
  const tls::SslPtr ssl(::SSL_new(context.get()));
  BIO* const out = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(ssl.get(), ::BIO_new(::BIO_s_mem()), out);
  ::SSL_connect(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  return {bytes, static_cast<size_t>(size)};
}

/// The config of a server with a self-signed certificate.
inline ServerConfig tls_config() {
  static const SystemClock clock;
  tls::Config tls;
  tls.self_signed = true;
  ServerConfig config;
  config.tls = tls::Contexts::load(tls, clock).value();
  return config;
}

}  // namespace cachey::net
