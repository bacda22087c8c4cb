#include "net/testing/test_certificates.h"

#include <openssl/pem.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/check.h"

namespace cachey::net {
namespace {

std::string pem_of(const std::function<int(BIO*)>& write) {
  const tls::BioPtr bio(::BIO_new(::BIO_s_mem()));
  CHECK(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate); });
}

void add_extension(X509* certificate, X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, id, value);
  CHECK(extension != nullptr);
  ::X509_add_ext(certificate, extension, -1);
  ::X509_EXTENSION_free(extension);
}

tls::CertificatePtr make_certificate(const char* name, EVP_PKEY* key, int64_t seconds) {
  tls::CertificatePtr certificate(::X509_new());
  ::X509_set_version(certificate.get(), X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -7200);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), seconds);
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  ::X509_set_pubkey(certificate.get(), key);
  return certificate;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  char name[] = "/tmp/cachey-test-XXXXXX";
  CHECK(::mkdtemp(name) != nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() { std::filesystem::remove_all(path_); }

std::string TemporaryDirectory::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
  return path(name);
}

TestAuthority::TestAuthority() : key_(::EVP_EC_gen("P-256")) {
  certificate_ = make_certificate("test authority", key_.get(), 3600);
  X509* const made = certificate_.get();
  ::X509_set_issuer_name(made, ::X509_get_subject_name(made));
  add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE");
  CHECK(::X509_sign(made, key_.get(), ::EVP_sha256()) > 0);
}

std::string TestAuthority::certificate() const { return pem_of(certificate_.get()); }

TestIdentity TestAuthority::issue(int64_t seconds) const {
  const tls::KeyPtr key(::EVP_EC_gen("P-256"));
  const tls::CertificatePtr made = make_certificate("test", key.get(), seconds);
  ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(certificate_.get()));
  add_extension(made.get(), certificate_.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  CHECK(::X509_sign(made.get(), key_.get(), ::EVP_sha256()) > 0);
  TestIdentity identity;
  identity.certificate = pem_of(made.get());
  identity.key = pem_of([&](BIO* bio) {
    return ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return identity;
}

std::string encrypted_key() {
  const tls::KeyPtr key(::EVP_EC_gen("P-256"));
  return pem_of([&](BIO* bio) {
    const auto* const passphrase = reinterpret_cast<const unsigned char*>("secret");
    return ::PEM_write_bio_PrivateKey(bio, key.get(), ::EVP_aes_128_cbc(), passphrase, 6, nullptr,
                                      nullptr);
  });
}

}  // namespace cachey::net
