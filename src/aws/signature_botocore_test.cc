#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "aws/signature_check.h"
#include "aws/testing/signed_request.h"

// Requests signed by botocore 1.29.27 (S3SigV4Auth, S3SigV4QueryAuth): a signer that shares no code
// with ours.

namespace cachey::aws {
namespace {

constexpr int64_t kBotocoreTime = 1767323045;  // 20260102T030405Z

struct SignedByBotocore {
  const char* method;
  const char* path;
  const char* query;
  const char* header_signature;
  const char* query_signature;
};

constexpr SignedByBotocore kRequests[] = {
    {"GET", "/bucket/dir/a%20b%2Bc%3Dd.bin", "",
     "613421188eb9fb109762e22d8d6a6a53563b6fe25f5b95d14b481a46f03970c2",
     "c7ed71a6f41a17d0c871afd35e9059cccda44cec7b99977d72a12316d7b52d65"},
    {"GET", "/bucket/a/.././/b.txt", "x-id=GetObject",
     "960c038b04c63d2e1fd3b06b763b3a2213cc337570bc6a37cdd35cd71d843a65",
     "8e1daaaf6431ded5e6b221b44874ab168c8df0d60470ba27908d8c627ce76f00"},
    {"HEAD", "/bucket/%C3%BCber/~%21%2A%27%28%29%40%3A%2C%3B%26%24.%E6%97%A5",
     "versionId=a%2Fb%2Bc&partNumber=2",
     "e3de83846f1c82afd37baac83b98ba0d59906b1aa9ef7db3653d65fd9f937ca8",
     "8d93dc3a058b350855da3d1afc6c64680c14a87a27c729bd3f75e563cf27c183"},
    {"GET", "/bucket/a%252Fb",
     "response-content-disposition=attachment%3B%20filename%3D%22a%20b.txt%22",
     "afea996c2df2824164bebb36fc20a2b47c860316eb8c31a5bca3fb8e7ed02a75",
     "1f2fd549a4137373270e318e66c8b2eb37a4291dcb8dad1dc09ad3457f25a12e"},
    {"GET", "/bucket///", "", "0bed60f2ce462be283b013e017b8b201645bf9fb6c3ba1ce7d753981024c9fa8",
     "8b139e084d9640338f1752db954c5d74385e354caaa4b717f936b0e109d52ca5"},
    {"HEAD", "/bucket/trailing/", "x-id=GetObject",
     "21272441c0a882a3070deb981934aa20667f1389663fa4b79bf78fd1c0bbf9ce",
     "d939d138ae8a6a7f12c4a3f67cbb507d24039abd72369c9eb7d3bc13aea9871e"},
    {"GET", "/bucket/%F0%9F%98%80%3F%23%5B%5D%22%09%3C%3E%7C%5C%5E%60%7B%7D",
     "versionId=a%2Fb%2Bc&partNumber=2",
     "20d9321d49d59501142fced3457802973e2c02fd1a05c3d3e37910d3d962f28a",
     "b0266ebe5927106ee9c7d1d82588f21d4bbdd99e66c6e09aa5d9382bdb67117e"},
};

CredentialsLookUp botocore_key() {
  return knows(std::make_shared<const Credentials>("AKIDEXAMPLEFORTESTS0",
                                                   "not/a/secret+ScriptedOriginSecretKey0000", ""));
}

TEST(SignatureBotocore, ItsHeadersHold) {
  for (const SignedByBotocore& given : kRequests) {
    TestRequest request{.method = given.method, .path = given.path, .query = given.query};
    request.set("Host", "127.0.0.1:9000");
    request.set("Range", "bytes=0-16777215");
    request.set("x-amz-checksum-mode", "ENABLED");
    request.set("X-Amz-Date", "20260102T030405Z");
    request.set("X-Amz-Content-SHA256", std::string(kEmptyPayloadHash));
    request.set(
        "Authorization",
        std::string("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLEFORTESTS0/20260102/eu-central-1/"
                    "s3/aws4_request, SignedHeaders=host;range;x-amz-checksum-mode;"
                    "x-amz-content-sha256;x-amz-date, Signature=") +
            given.header_signature);
    EXPECT_EQ(fault_of(request, kBotocoreTime, botocore_key()), std::nullopt) << given.path;
    request.path += "x";
    EXPECT_EQ(fault_of(request, kBotocoreTime, botocore_key()), SignatureFault::kDoesNotMatch)
        << given.path;
  }
}

TEST(SignatureBotocore, ItsPresignedUrlsHold) {
  for (const SignedByBotocore& given : kRequests) {
    std::string query = given.query;
    if (!query.empty()) query += '&';
    query +=
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLEFORTESTS0%2F20260102%2F"
        "eu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&"
        "X-Amz-SignedHeaders=host&X-Amz-Signature=";
    TestRequest request{
        .method = given.method, .path = given.path, .query = query + given.query_signature};
    request.set("Host", "127.0.0.1:9000");
    EXPECT_EQ(fault_of(request, kBotocoreTime + 900, botocore_key()), std::nullopt) << given.path;
    request.query += "&x-id=GetObject";
    EXPECT_EQ(fault_of(request, kBotocoreTime, botocore_key()), SignatureFault::kDoesNotMatch)
        << given.path;
  }
}

}  // namespace
}  // namespace cachey::aws
