#include "origin/tls.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "origin/endpoint.h"

namespace cachey::origin {
namespace {

namespace ssl = boost::asio::ssl;

constexpr const char* kTls12Ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

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
                            log::quoted(ca_dir), error.message()));
  }
  SSL_CTX* native = context->native_handle();
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  if (::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
      ::SSL_CTX_set_cipher_list(native, kTls12Ciphers) != 1) {
    return fail(ErrorKind::kInternal, "cannot set up TLS");
  }
  return context;
}

bool expect_host(TlsStream& stream, const std::string& host) {
  SSL* native = stream.native_handle();
  X509_VERIFY_PARAM* verify = ::SSL_get0_param(native);
  if (is_ip_address(host)) return ::X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1;
  ::X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ::SSL_set_tlsext_host_name(native, host.c_str()) == 1 &&
         ::X509_VERIFY_PARAM_set1_host(verify, host.c_str(), host.size()) == 1;
}

std::string certificate_fault(TlsStream& stream) {
  const long result = ::SSL_get_verify_result(stream.native_handle());
  if (result == X509_V_OK) return {};
  return ::X509_verify_cert_error_string(result);
}

}  // namespace cachey::origin
