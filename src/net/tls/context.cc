#include "net/tls/context.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>
#include <chrono>
#include <string_view>

#include "base/log.h"
#include "base/log_line.h"
#include "base/tls_ciphers.h"
#include "net/tls/identity.h"

namespace cachey::net::tls {
namespace {

// AES-128 first: it is the cheapest if both CPUs have AES instructions. A client without them puts
// ChaCha20 first, and gets it (SSL_OP_PRIORITIZE_CHACHA).
constexpr const char* kTls13Ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr int kClientChainMax = 8;
constexpr size_t kTicketsPerHandshake = 1;

// In ALPN's format: a length, then the name. The first one that the client offers is chosen.
constexpr std::string_view kProtocols =
    "\x02h2"
    "\x08http/1.1";

std::unexpected<Error> openssl_fault(std::string_view what) {
  return fail(ErrorKind::kBadRequest, fmt::format("{}: {}", what, openssl_reason()));
}

/// ALPN. If the client offers none of our protocols, the handshake fails with an alert.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* theirs, unsigned int theirs_length, void* offered) {
  const std::string_view ours = *static_cast<const std::string_view*>(offered);
  unsigned char* choice = nullptr;
  const int result =
      ::SSL_select_next_proto(&choice, length, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned int>(ours.size()), theirs, theirs_length);
  *chosen = choice;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool set_protocols(SSL_CTX* context) {
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // a record without data ends a read
  ::SSL_CTX_set_read_ahead(context, 1);
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets only
  ::SSL_CTX_set_alpn_select_cb(context, choose_protocol,
                               const_cast<std::string_view*>(&kProtocols));
  return ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         ::SSL_CTX_set_ciphersuites(context, kTls13Ciphers) == 1 &&
         ::SSL_CTX_set_cipher_list(context, kTls12Ciphers) == 1 &&
         ::SSL_CTX_set1_groups_list(context, kGroups) == 1 &&
         ::SSL_CTX_set_num_tickets(context, kTicketsPerHandshake) == 1 &&
         ::SSL_CTX_set_max_early_data(context, 0) == 1;
}

bool use_identity(SSL_CTX* context, const Identity& identity) {
  if (::SSL_CTX_use_certificate(context, identity.certificate.get()) != 1) return false;
  for (const CertificatePtr& between : identity.chain) {
    if (::SSL_CTX_add1_chain_cert(context, between.get()) != 1) return false;
  }
  return ::SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1;
}

/// Asks clients for certificates if `file` is not empty. Binds sessions to the file's content: a
/// session from before it, or from another file, is not resumed. Returns the file's digest.
Result<Context::Digest> verify_clients(SSL_CTX* context, const std::string& file) {
  ClientAuthorities authorities;  // no file: no certificates, and a digest of zeros
  if (!file.empty()) {
    Result<ClientAuthorities> loaded = load_client_authorities(file);
    if (!loaded) return std::unexpected(loaded.error());
    authorities = std::move(*loaded);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    ::SSL_CTX_set_verify_depth(context, kClientChainMax);
  }
  bool done = ::SSL_CTX_set_session_id_context(context, authorities.digest.data(),
                                               authorities.digest.size()) == 1;
  for (const CertificatePtr& authority : authorities.certificates) {
    done = done && ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), authority.get()) == 1 &&
           ::SSL_CTX_add_client_CA(context, authority.get()) == 1;
  }
  if (done) return authorities.digest;
  return openssl_fault(fmt::format("the client CA file {} cannot be used", log::quoted(file)));
}

Context::Digest digest_of(const X509* certificate) {
  Context::Digest digest{};
  unsigned int length = 0;
  ::X509_digest(certificate, ::EVP_sha256(), digest.data(), &length);
  return digest;
}

void log_identity(const Context::Digest& digest, int64_t not_after) {
  std::string fingerprint;
  for (const unsigned char byte : digest) fingerprint += fmt::format("{:02x}", byte);
  const std::chrono::system_clock::time_point end{std::chrono::seconds(not_after)};
  log::info("TLS certificate loaded",
            {{"sha256", fingerprint}, {"not_after", format_log_time(end)}});
}

}  // namespace

Result<std::shared_ptr<const Context>> Context::load(const Config& config,
                                                     std::shared_ptr<TicketKeys> keys) {
  if (config.self_signed ? !config.cert_file.empty() || !config.key_file.empty()
                         : config.cert_file.empty() || config.key_file.empty()) {
    return fail(ErrorKind::kBadRequest,
                "TLS needs a certificate and its key, or else a self-signed one");
  }
  const Result<Identity> identity = config.self_signed
                                        ? make_self_signed_identity()
                                        : load_identity(config.cert_file, config.key_file);
  if (!identity) return std::unexpected(identity.error());
  ::ERR_clear_error();
  SslContextPtr context(::SSL_CTX_new(::TLS_server_method()));
  if (!context || !set_protocols(context.get())) {
    return openssl_fault("cannot set up TLS");
  }
  if (!use_identity(context.get(), *identity)) {
    return openssl_fault(
        fmt::format("the TLS certificate {} cannot be used", log::quoted(config.cert_file)));
  }
  const Result<Digest> verified = verify_clients(context.get(), config.client_ca_file);
  if (!verified) return std::unexpected(verified.error());
  use_ticket_keys(context.get(), *keys);
  const Facts facts{.verifies_clients = !config.client_ca_file.empty(),
                    .certificate = digest_of(identity->certificate.get()),
                    .authorities = *verified,
                    .not_after = earliest_end(*identity)};
  log_identity(facts.certificate, facts.not_after);
  return std::shared_ptr<const Context>(new Context(std::move(context), facts, std::move(keys)));
}

Result<std::shared_ptr<Contexts>> Contexts::load(Config config, const Clock& clock) {
  auto contexts = std::make_shared<Contexts>(std::move(config), clock);
  const Result<Change> loaded = contexts->reload();
  if (!loaded) return std::unexpected(loaded.error());
  return contexts;
}

Result<Contexts::Change> Contexts::reload() {
  Result<std::shared_ptr<const Context>> next = Context::load(config_, keys_);
  if (!next) return std::unexpected(next.error());
  const MutexLock lock(mutex_);
  current_.swap(*next);
  const Context* const before = next->get();
  return Change{
      .certificate = before == nullptr || before->certificate() != current_->certificate(),
      .authorities = before == nullptr || before->authorities() != current_->authorities()};
}

std::shared_ptr<const Context> Contexts::current() const {
  MutexLock lock(mutex_);
  return current_;
}

}  // namespace cachey::net::tls
