#include "net/tls/identity.h"

#include <gtest/gtest.h>

#include <string>

#include "base/testing/certificates.h"
#include "base/testing/temporary_file.h"
#include "net/tls/context.h"

namespace cachey::net::tls {
namespace {

/// The error's line if loading `config` fails, else empty.
std::string fault_of(const Config& config) {
  const SystemClock clock;
  const auto loaded = Contexts::load(config, clock);
  return loaded ? std::string() : loaded.error().message();
}

TEST(TlsIdentity, EveryFaultHasALineThatNamesTheFile) {
  const TemporaryDirectory files;
  const TestAuthority authority;
  const TestIdentity identity = authority.issue();
  const std::string cert = files.write("cert", identity.certificate);
  const std::string key = files.write("key", identity.key);
  const std::string other_key = files.write("other-key", authority.issue().key);
  const std::string locked_key = files.write("locked-key", encrypted_key());
  const std::string text = files.write("text", "hello\n");
  const std::string nothing = files.write("nothing", "");
  const std::string none = files.path("none");
  const std::string huge = files.write("huge", std::string(kPemBytesMax + 1, '\n'));
  std::string torn = identity.certificate;
  torn[100] = '!';
  const std::string torn_cert = files.write("torn", torn);
  const std::string second_torn = files.write("second-torn", identity.certificate + torn);
  const auto quote = [](const std::string& path) { return "\"" + path + "\""; };
  struct Case {
    std::string cert, key, clients, fault;
  };
  const Case cases[] = {
      {cert, key, "", ""},
      {cert, key, cert, ""},
      {none, key, "",
       "the TLS certificate " + quote(none) + " cannot be read: No such file or directory"},
      {files.path(""), key, "",
       "the TLS certificate " + quote(files.path("")) + " cannot be read: Is a directory"},
      {huge, key, "",
       "the TLS certificate " + quote(huge) + " cannot be read: it is larger than 128 KiB"},
      {text, key, "", "the TLS certificate " + quote(text) + " has no certificate in PEM"},
      {torn_cert, key, "",
       "the TLS certificate " + quote(torn_cert) +
           " is broken at certificate 1: bad base64 decode"},
      {second_torn, key, "",
       "the TLS certificate " + quote(second_torn) +
           " is broken at certificate 2: bad base64 decode"},
      {cert, none, "", "the TLS key " + quote(none) + " cannot be read: No such file or directory"},
      {cert, text, "", "the TLS key " + quote(text) + " has no key in PEM"},
      {cert, cert, "", "the TLS key " + quote(cert) + " has no key in PEM"},
      {cert, locked_key, "",
       "the TLS key " + quote(locked_key) + " is encrypted with a passphrase; it must not be"},
      {cert, other_key, "",
       "the TLS key " + quote(other_key) + " does not belong to the certificate " + quote(cert)},
      {cert, key, none,
       "the client CA file " + quote(none) + " cannot be read: No such file or directory"},
      {cert, key, nothing, "the client CA file " + quote(nothing) + " has no certificate in PEM"},
      {cert, key, text, "the client CA file " + quote(text) + " has no certificate in PEM"},
      {cert, "", "", "TLS needs a certificate and its key, or else a self-signed one"},
      {"", "", "", "TLS needs a certificate and its key, or else a self-signed one"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(fault_of({.cert_file = c.cert, .key_file = c.key, .client_ca_file = c.clients}),
              c.fault);
  }
  Config both;
  both.cert_file = cert;
  both.self_signed = true;
  EXPECT_EQ(fault_of(both), "TLS needs a certificate and its key, or else a self-signed one");
}

TEST(TlsIdentity, AnExpiredCertificateIsLoaded) {
  const TemporaryDirectory files;
  const TestIdentity identity = TestAuthority().issue(kExpired);
  const std::string cert = files.write("cert", identity.certificate);
  const std::string key = files.write("key", identity.key);
  EXPECT_TRUE(load_identity(cert, key));
}

TEST(TlsIdentity, AChainIsLoadedWithTheCertificate) {
  const TemporaryDirectory files;
  const TestAuthority authority;
  const TestIdentity identity = authority.issue();
  const std::string cert = files.write("cert", identity.certificate + authority.certificate());
  const Result<Identity> loaded = load_identity(cert, files.write("key", identity.key));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->chain.size(), 1u);
}

TEST(TlsIdentity, TheEarliestEndOfTheChainCounts) {
  const TemporaryDirectory files;
  const TestAuthority authority;
  const TestIdentity longer = authority.issue(3 * kOneHour);
  const TestIdentity shorter = authority.issue(kOneHour);
  const int64_t now = ::time(nullptr);
  for (const auto& chain : {shorter.certificate + longer.certificate, shorter.certificate}) {
    const auto loaded = load_identity(files.write("cert", chain), files.write("key", shorter.key));
    ASSERT_TRUE(loaded);
    EXPECT_NEAR(static_cast<double>(earliest_end(*loaded) - now), kOneHour, 10);
  }
  const auto loaded = load_identity(files.write("cert", longer.certificate + shorter.certificate),
                                    files.write("key", longer.key));
  ASSERT_TRUE(loaded);
  EXPECT_NEAR(static_cast<double>(earliest_end(*loaded) - now), kOneHour, 10);
}

TEST(TlsIdentity, ASelfSignedOneIsForThisHostAndForAWhile) {
  const Result<Identity> made = make_self_signed_identity();
  ASSERT_TRUE(made);
  X509* const certificate = made->certificate.get();
  for (const char* name : {"127.0.0.1", "::1"}) {
    EXPECT_EQ(::X509_check_ip_asc(certificate, name, 0), 1) << name;
  }
  EXPECT_EQ(::X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(::X509_check_host(certificate, "example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(::X509_check_ca(certificate), 0);
  EXPECT_EQ(::X509_verify(certificate, made->key.get()), 1);
  time_t then = time(nullptr) + (kSelfSignedDays + 1) * 86'400;
  EXPECT_LT(::X509_cmp_time(::X509_get0_notAfter(certificate), &then), 0);
  EXPECT_GT(::X509_cmp_current_time(::X509_get0_notAfter(certificate)), 0);
}

}  // namespace
}  // namespace cachey::net::tls
