#include "aws/digest.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

namespace cachey::aws {
namespace {

std::span<const unsigned char> octets_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

TEST(Digest, Sha256OfFips180) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, HmacOfRfc4231AndRfc2202) {
  const std::string_view jefe = "Jefe";
  const std::string_view text = "what do ya want for nothing?";
  EXPECT_EQ(hex(hmac(octets_of(jefe), text)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha1(octets_of(jefe), text)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  const std::string long_sha256_key(131, '\xaa');
  EXPECT_EQ(hex(hmac(octets_of(long_sha256_key),
                     "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  const std::string long_sha1_key(80, '\xaa');
  EXPECT_EQ(hex(hmac_sha1(octets_of(long_sha1_key),
                          "Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

}  // namespace
}  // namespace cachey::aws
