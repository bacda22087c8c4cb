#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "aws/signature_claim.h"
#include "aws/signature_fault.h"

/// AWS Signature Version 2 of presigned URLs: what boto3 and aws-cli make by default. Source:
/// "Signing and authenticating REST requests (AWS signature version 2)", Amazon S3 User Guide; the
/// sub-resources are botocore's. Pure.
namespace cachey::aws {

/// The signature of a URL, parsed but not checked. The texts are the request's.
struct SignatureClaimV2 {
  std::string_view access_key_id;
  std::string_view signature;         ///< base64
  std::string_view expires;           ///< as it was signed
  int64_t expires_at = 0;             ///< Unix seconds
  std::string_view security_token{};  ///< empty: none
};

/// kQueryV2Malformed unless each of `AWSAccessKeyId`, `Signature` and `Expires` is there once.
[[nodiscard]] std::expected<SignatureClaimV2, SignatureFailure> parse_signature_claim_v2(
    const ReceivedRequest& request);

/// `path`: the one of the wire, or slashed_bucket_path(). `x-amz-` headers count as headers and as
/// parameters.
[[nodiscard]] std::string string_to_sign_v2(const ReceivedRequest& request, std::string_view path,
                                            std::string_view expires);

/// `/bucket/` of the path `/bucket`: boto3 sends the one and signs the other. Empty: the request
/// has another path.
[[nodiscard]] std::string slashed_bucket_path(const ReceivedRequest& request);

/// HMAC-SHA-1 in base64.
[[nodiscard]] std::string signature_v2(std::string_view secret, std::string_view string_to_sign);

}  // namespace cachey::aws
