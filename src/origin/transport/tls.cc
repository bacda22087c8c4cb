#include "origin/transport/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>

#include "base/log.h"
#include "base/tls_ciphers.h"

namespace cachey::origin {
namespace {

namespace ssl = boost::asio::ssl;

/// One receive from the kernel takes at most this much: four TLS records.
constexpr size_t kReadBufferBytes = size_t{64} * 1024;

boost::system::error_code load_trust(ssl::context& context, const std::string& ca_file,
                                     const std::string& ca_dir) {
  boost::system::error_code error;
  if (ca_file.empty() && ca_dir.empty()) context.set_default_verify_paths(error);
  if (!error && !ca_file.empty()) context.load_verify_file(ca_file, error);
  if (!error && !ca_dir.empty()) context.add_verify_path(ca_dir, error);
  return error;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const std::string& ca_file,
                                                       const std::string& ca_dir) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  if (const boost::system::error_code error = load_trust(*context, ca_file, ca_dir)) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("cannot load trusted certificates from {} {}: {}", log::quoted(ca_file),
                            log::quoted(ca_dir), error.message()),
                ErrorCause::kCertificate);
  }
  SSL_CTX* native = context->native_handle();
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_read_ahead(native, 1);
  ::SSL_CTX_set_default_read_buffer_len(native, kReadBufferBytes);
  if (::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
      ::SSL_CTX_set_cipher_list(native, kTls12Ciphers) != 1) {
    return fail(ErrorKind::kInternal, "cannot set up TLS");
  }
  return context;
}

}  // namespace cachey::origin
