#include "net/tls/identity.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace cachey::net::tls {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorKind::kBadRequest, std::move(message));
}

/// Reads a file. `what`: the purpose of the file, for the error's text.
Result<std::string> read_pem(std::string_view what, const std::string& path) {
  const auto unreadable = [&](const char* why) {
    return refuse(fmt::format("the {} {} cannot be read: {}", what, log::quoted(path), why));
  };
  const auto close = [](std::FILE* f) { std::fclose(f); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"));
  if (!file) return unreadable(std::strerror(errno));
  std::string text(kPemBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return unreadable(std::strerror(errno));
  if (text.size() > kPemBytesMax) return unreadable("it is larger than 128 KiB");
  return text;
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool is_end_of_pem() {
  const unsigned long error = ::ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<std::vector<CertificatePtr>> read_certificates(std::string_view what,
                                                      const std::string& path,
                                                      const std::string& text) {
  const BioPtr bio = reader_of(text);
  std::vector<CertificatePtr> certificates;
  while (true) {
    ::ERR_clear_error();
    CertificatePtr next(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    certificates.push_back(std::move(next));
  }
  if (!is_end_of_pem()) {
    return refuse(fmt::format("the {} {} is broken at certificate {}: {}", what, log::quoted(path),
                              certificates.size() + 1, openssl_reason()));
  }
  if (certificates.empty()) {
    return refuse(fmt::format("the {} {} has no certificate in PEM", what, log::quoted(path)));
  }
  return certificates;
}

Result<KeyPtr> read_key(const std::string& path, const std::string& text) {
  bool asked = false;
  const auto no_passphrase = [](char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
  };
  const BioPtr bio = reader_of(text);
  KeyPtr key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked));
  if (asked) {
    return refuse(fmt::format("the TLS key {} is encrypted with a passphrase; it must not be",
                              log::quoted(path)));
  }
  if (!key) return refuse(fmt::format("the TLS key {} has no key in PEM", log::quoted(path)));
  return key;
}

void warn_of_dates(const X509* certificate, const std::string& path) {
  if (::X509_cmp_current_time(::X509_get0_notAfter(certificate)) < 0) {
    log::warn("the TLS certificate has expired", {{"file", path}});
  } else if (::X509_cmp_current_time(::X509_get0_notBefore(certificate)) > 0) {
    log::warn("the TLS certificate is not valid yet", {{"file", path}});
  }
}

bool add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, OpensslDelete<::X509_EXTENSION_free>> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// Fills in a certificate for localhost and signs it with its own key.
bool fill_in(X509* certificate, EVP_PKEY* key) {
  uint64_t serial = 0;
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  X509_NAME* const name = ::X509_get_subject_name(certificate);
  const auto* const host = reinterpret_cast<const unsigned char*>("localhost");
  return ::X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(certificate), serial >> 1) == 1 &&
         ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -3600) != nullptr &&
         ::X509_gmtime_adj(::X509_getm_notAfter(certificate), kSelfSignedDays * kSecondsPerDay) !=
             nullptr &&
         ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0) == 1 &&
         ::X509_set_issuer_name(certificate, name) == 1 &&
         ::X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
         ::X509_sign(certificate, key, ::EVP_sha256()) > 0;
}

}  // namespace

std::string openssl_reason() {
  const char* const reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  return reason != nullptr ? reason : "unknown";
}

Result<Identity> load_identity(const std::string& cert_file, const std::string& key_file) {
  constexpr std::string_view kWhat = "TLS certificate";
  const Result<std::string> text = read_pem(kWhat, cert_file);
  if (!text) return std::unexpected(text.error());
  Result<std::vector<CertificatePtr>> certificates = read_certificates(kWhat, cert_file, *text);
  if (!certificates) return std::unexpected(certificates.error());
  Result<std::string> key_text = read_pem("TLS key", key_file);
  if (!key_text) return std::unexpected(key_text.error());
  Result<KeyPtr> key = read_key(key_file, *key_text);
  ::OPENSSL_cleanse(key_text->data(), key_text->size());
  if (!key) return std::unexpected(key.error());
  Identity identity;
  identity.certificate = std::move(certificates->front());
  certificates->erase(certificates->begin());
  identity.chain = std::move(*certificates);
  identity.key = std::move(*key);
  if (::X509_check_private_key(identity.certificate.get(), identity.key.get()) != 1) {
    return refuse(fmt::format("the TLS key {} does not belong to the certificate {}",
                              log::quoted(key_file), log::quoted(cert_file)));
  }
  warn_of_dates(identity.certificate.get(), cert_file);
  return identity;
}

int64_t earliest_end(const Identity& identity) {
  const auto end_of = [](const X509* certificate) -> int64_t {
    std::tm end{};
    ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &end);
    return ::timegm(&end);
  };
  int64_t earliest = end_of(identity.certificate.get());
  for (const CertificatePtr& between : identity.chain)
    earliest = std::min(earliest, end_of(between.get()));
  return earliest;
}

Result<Identity> make_self_signed_identity() {
  Identity identity;
  identity.key.reset(::EVP_EC_gen("P-256"));
  identity.certificate.reset(::X509_new());
  if (!identity.key || !identity.certificate ||
      !fill_in(identity.certificate.get(), identity.key.get())) {
    return fail(ErrorKind::kInternal, "cannot make a TLS certificate: " + openssl_reason());
  }
  return identity;
}

Result<ClientAuthorities> load_client_authorities(const std::string& file) {
  constexpr std::string_view kWhat = "client CA file";
  const Result<std::string> text = read_pem(kWhat, file);
  if (!text) return std::unexpected(text.error());
  Result<std::vector<CertificatePtr>> certificates = read_certificates(kWhat, file, *text);
  if (!certificates) return std::unexpected(certificates.error());
  ClientAuthorities authorities;
  authorities.certificates = std::move(*certificates);
  ::SHA256(reinterpret_cast<const unsigned char*>(text->data()), text->size(),
           authorities.digest.data());
  return authorities;
}

}  // namespace cachey::net::tls
