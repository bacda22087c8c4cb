#include "origin/testing/scripted_server.h"

#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>

#include "base/check.h"

namespace cachey::origin {
namespace {

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

bool Peer::update_keys(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (::SSL_key_update(tls_, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) return false;
    if (::SSL_do_handshake(tls_) != 1) return false;
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
