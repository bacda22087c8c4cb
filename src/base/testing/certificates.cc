#include "base/testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <functional>

#include "base/check.h"

namespace cachey {
namespace {

constexpr const char* kCurve = "P-256";
constexpr long kAuthoritySerial = 1;
constexpr long kIssuedSerial = 2;
constexpr long kValidSince = -7200;  // seconds from now: before every kExpired

std::string pem_of(const std::function<int(BIO*)>& write) {
  BIO* const bio = ::BIO_new(::BIO_s_mem());
  CHECK(write(bio) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  ::BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate); });
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  CHECK(extension != nullptr);
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

/// Not yet signed.
X509* make_certificate(const char* name, EVP_PKEY* key, long serial, int64_t valid_seconds) {
  X509* const certificate = ::X509_new();
  ::X509_set_version(certificate, X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), serial);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), kValidSince);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), valid_seconds);
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  ::X509_set_pubkey(certificate, key);
  return certificate;
}

}  // namespace

TestAuthority::TestAuthority()
    : key_(::EVP_EC_gen(kCurve)),
      certificate_(make_certificate("test authority", key_.get(), kAuthoritySerial, kOneHour)) {
  X509* const own = certificate_.get();
  ::X509_set_issuer_name(own, ::X509_get_subject_name(own));
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  CHECK(::X509_sign(own, key_.get(), ::EVP_sha256()) > 0);
}

std::string TestAuthority::certificate() const { return pem_of(certificate_.get()); }

TestIdentity TestAuthority::issue(int64_t valid_seconds, const std::string& names) const {
  const std::unique_ptr<EVP_PKEY, Free> key(::EVP_EC_gen(kCurve));
  const std::unique_ptr<X509, Free> issued(
      make_certificate("test", key.get(), kIssuedSerial, valid_seconds));
  ::X509_set_issuer_name(issued.get(), ::X509_get_subject_name(certificate_.get()));
  add_extension(issued.get(), certificate_.get(), NID_subject_alt_name, names);
  CHECK(::X509_sign(issued.get(), key_.get(), ::EVP_sha256()) > 0);
  TestIdentity identity;
  identity.certificate = pem_of(issued.get());
  identity.authority = certificate();
  identity.key = pem_of([&](BIO* bio) {
    return ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return identity;
}

std::string encrypted_key() {
  EVP_PKEY* const key = ::EVP_EC_gen(kCurve);
  std::string text = pem_of([&](BIO* bio) {
    const auto* const passphrase = reinterpret_cast<const unsigned char*>("secret");
    return ::PEM_write_bio_PrivateKey(bio, key, ::EVP_aes_128_cbc(), passphrase, 6, nullptr,
                                      nullptr);
  });
  ::EVP_PKEY_free(key);
  return text;
}

}  // namespace cachey
