#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/canonical_request.h"
#include "aws/credentials.h"
#include "aws/signature_check.h"

namespace cachey::aws {

inline constexpr int64_t kSignedAt = 1'369'353'600;  // 20130524T000000Z
inline constexpr const char* kExampleId = "AKIAIOSFODNN7EXAMPLE";
inline constexpr const char* kExampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

[[nodiscard]] CredentialsPtr example_keys(const std::string& token = {});
[[nodiscard]] CredentialsLookUp knows(CredentialsPtr credentials);

/// A request on its way from a signer to the checker.
struct TestRequest {
  std::string method = "GET";
  std::string path = "/test.txt";
  std::string query;
  std::vector<NamedValue> headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  std::string bucket_of_host{};
  std::vector<std::string> other_hosts{};

  /// Replaces all headers of this name. Compares the case of letters, too.
  void set(const std::string& name, const std::string& value);
};

/// Only the failure of a check outlives the request and the keys.
using Checked = std::expected<CheckedSignature, SignatureFailure>;

[[nodiscard]] Checked check(SignatureChecker& checker, const TestRequest& request,
                            int64_t now = kSignedAt,
                            const CredentialsLookUp& look_up = knows(example_keys()));
/// The same with a new checker, for any region.
[[nodiscard]] Checked check(const TestRequest& request, int64_t now = kSignedAt,
                            const CredentialsLookUp& look_up = knows(example_keys()));
/// Nothing if the signature is valid.
[[nodiscard]] std::optional<SignatureFault> fault_of(
    const TestRequest& request, int64_t now = kSignedAt,
    const CredentialsLookUp& look_up = knows(example_keys()));

[[nodiscard]] std::vector<NamedValue> lower_case_names(std::vector<NamedValue> headers);

/// Signs all headers of `request`, as our client does.
[[nodiscard]] TestRequest signed_by_header(TestRequest request,
                                           std::string_view payload_hash = kEmptyPayloadHash,
                                           const Credentials& credentials = *example_keys());

/// A presigned URL, good for `expires` seconds.
[[nodiscard]] TestRequest signed_by_query(TestRequest request, const std::string& expires = "3600",
                                          int64_t time = kSignedAt);

/// The ranged GET of S3's documentation. The Authorization header is the last.
[[nodiscard]] TestRequest documented_get(
    const std::string& signature =
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

}  // namespace cachey::aws
