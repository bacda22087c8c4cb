#include "origin/testing/scripted_server.h"

#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>

#include "base/check.h"

namespace cachey::origin {
namespace {

std::string pem_of(const std::function<int(BIO*)>& write) {
  BIO* bio = ::BIO_new(::BIO_s_mem());
  CHECK(write(bio) == 1);
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  ::BIO_free(bio);
  return text;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  CHECK(extension != nullptr);
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

X509* make_certificate(const char* name, EVP_PKEY* key, long serial, long valid_seconds) {
  X509* certificate = ::X509_new();
  ::X509_set_version(certificate, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), serial);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -3600);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), valid_seconds);
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  ::X509_set_pubkey(certificate, key);
  return certificate;
}

SSL_CTX* server_context(const TestIdentity& identity, int version_max) {
  SSL_CTX* context = ::SSL_CTX_new(::TLS_server_method());
  if (version_max != 0) {
    ::SSL_CTX_set_security_level(context, 0);
    ::SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    ::SSL_CTX_set_max_proto_version(context, version_max);
  }
  BIO* bio =
      ::BIO_new_mem_buf(identity.certificate.data(), static_cast<int>(identity.certificate.size()));
  X509* certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  ::BIO_free(bio);
  bio = ::BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size()));
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  ::BIO_free(bio);
  CHECK(::SSL_CTX_use_certificate(context, certificate) == 1);
  CHECK(::SSL_CTX_use_PrivateKey(context, key) == 1);
  ::X509_free(certificate);
  ::EVP_PKEY_free(key);
  return context;
}

}  // namespace

TestIdentity make_test_identity(const std::string& subject_alternative_names, bool expired) {
  EVP_PKEY* authority_key = ::EVP_EC_gen("P-256");
  X509* authority = make_certificate("test authority", authority_key, 1, 3600);
  ::X509_set_issuer_name(authority, ::X509_get_subject_name(authority));
  add_extension(authority, authority, NID_basic_constraints, "critical,CA:TRUE");
  CHECK(::X509_sign(authority, authority_key, ::EVP_sha256()) > 0);

  EVP_PKEY* key = ::EVP_EC_gen("P-256");
  X509* certificate = make_certificate("test server", key, 2, expired ? -60 : 3600);
  ::X509_set_issuer_name(certificate, ::X509_get_subject_name(authority));
  add_extension(certificate, authority, NID_subject_alt_name, subject_alternative_names);
  CHECK(::X509_sign(certificate, authority_key, ::EVP_sha256()) > 0);

  TestIdentity identity;
  identity.certificate = pem_of([&](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate); });
  identity.authority = pem_of([&](BIO* bio) { return ::PEM_write_bio_X509(bio, authority); });
  identity.key = pem_of([&](BIO* bio) {
    return ::PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  ::X509_free(certificate);
  ::X509_free(authority);
  ::EVP_PKEY_free(key);
  ::EVP_PKEY_free(authority_key);
  return identity;
}

Peer::~Peer() {
  if (tls_ == nullptr) return;
  ::SSL_shutdown(tls_);
  ::SSL_free(tls_);
}

bool Peer::start_tls(SSL_CTX* context) {
  tls_ = ::SSL_new(context);
  ::SSL_set_fd(tls_, fd_);
  return ::SSL_accept(tls_) == 1;
}

bool Peer::receive() {
  char buffer[4096];
  const ssize_t got = tls_ != nullptr ? ::SSL_read(tls_, buffer, sizeof buffer)
                                      : ::recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  received_.append(buffer, static_cast<size_t>(got));
  return true;
}

std::string Peer::read_request() {
  while (true) {
    const size_t end = received_.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = received_.substr(0, end + 4);
      received_.erase(0, end + 4);
      return head;
    }
    if (!receive()) return {};
  }
}

std::string Peer::read_body(size_t size) {
  while (received_.size() < size && receive()) continue;
  std::string body = received_.substr(0, size);
  received_.erase(0, body.size());
  return body;
}

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = tls_ != nullptr
                             ? ::SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void Peer::wait_until_closed() {
  while (receive()) continue;
}

void Peer::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

ScriptedServer::ScriptedServer(Script script, const Listening& listening)
    : script_(std::move(script)),
      tls_at_once_(listening.identity != nullptr && !listening.tls_later) {
  if (listening.identity != nullptr) {
    tls_ = server_context(*listening.identity, listening.tls_version_max);
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to closed connections
  }
  namespace ip = boost::asio::ip;
  ip::tcp::endpoint address(ip::make_address(listening.address), listening.port);
  listener_ = ::socket(address.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  CHECK(::bind(listener_, address.data(), static_cast<socklen_t>(address.size())) == 0);
  CHECK(::listen(listener_, 128) == 0);
  auto size = static_cast<socklen_t>(address.capacity());
  CHECK(::getsockname(listener_, address.data(), &size) == 0);
  port_ = address.port();
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  ::SSL_CTX_free(tls_);
}

void ScriptedServer::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int connection = accepted_.fetch_add(1);
    const MutexLock lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd, connection] { serve(fd, connection); });
  }
}

void ScriptedServer::serve(int fd, int connection) {
  {
    Peer peer(fd);
    if (!tls_at_once_ || peer.start_tls(tls_)) script_(peer, connection);
  }
  const MutexLock lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

}  // namespace cachey::origin
