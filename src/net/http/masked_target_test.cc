#include "net/http/masked_target.h"

#include <gtest/gtest.h>

#include <string>

namespace cachey::net {
namespace {

TEST(MaskedTarget, ShowsNoPartOfASignatureAndNoKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"/b/k?X-Amz-Signature=abc&x-id=GetObject", "/b/k?X-Amz-Signature=***&x-id=GetObject"},
      {"/b/k?x-amz-credential=AKIA%2F2026&X-Amz-Date=d", "/b/k?x-amz-credential=***&X-Amz-Date=d"},
      {"/b/k?X-Amz-Security-Token=a=b", "/b/k?X-Amz-Security-Token=***"},
      {"/b/k?AWSAccessKeyId=A&Signature=S&Expires=1",
       "/b/k?AWSAccessKeyId=***&Signature=***&Expires=1"},
      {"/b/k?x-amz-server-side-encryption-customer-key=K%3D&"
       "x-amz-server-side-encryption-customer-key-MD5=M",
       "/b/k?x-amz-server-side-encryption-customer-key=***&"
       "x-amz-server-side-encryption-customer-key-MD5=M"},
      {"/b/k?X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key=K",
       "/b/k?X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key=***"},
      {"/b/k?X%2DAmz%2dSignature=abc", "/b/k?X%2DAmz%2dSignature=***"},
      {"/b/k?%58-Amz-%53ignature=abc", "/b/k?%58-Amz-%53ignature=***"},
      {"/b/k%3FX-Amz-Signature%3Dabc%26x=1", "/b/k%3FX-Amz-Signature%3D***%26x=1"},
      {"/b/k%253FX-Amz-Signature%253Dabc%2526x=1", "/b/k%253FX-Amz-Signature%253D***%2526x=1"},
      {"/b/k?X-Amz-Signature=", "/b/k?X-Amz-Signature=***"},
      {"/b/k?a=1&Signature=S?T&Signature=U", "/b/k?a=1&Signature=***?T&Signature=***"},
  };
  for (const auto& [target, shown] : cases) EXPECT_EQ(masked_target(target), shown);
}

TEST(MaskedTarget, KeepsEverythingElse) {
  for (const char* target :
       {"", "*", "/", "/b/k", "/b/signature=x", "/b/k?signatures=x&x-amz-signature-v=1",
        "/b/k?Signature", "/b/k?a=Signature", "/b/k?%", "/b/k?%4", "/b/%zz?%gg=1", "/b/k?&&==&"}) {
    EXPECT_EQ(masked_target(target), target);
  }
}

}  // namespace
}  // namespace cachey::net
