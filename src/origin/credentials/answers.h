#pragma once

#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/error_document.h"
#include "base/error.h"

/// Parses the answers of the services that issue credentials. Pure. An error's text quotes nothing
/// of an answer but its error code and message, because answers hold secrets.
namespace cachey::origin {

/// The answer of a container's endpoint or an instance: JSON with AccessKeyId, SecretAccessKey,
/// Token (or SessionToken) and Expiration (or ExpiresAt), keys in any case. kDenied if there is a
/// Code other than Success; kUpstream if something is missing.
[[nodiscard]] Result<aws::CredentialsPtr> parse_metadata_answer(std::string_view json,
                                                                const std::string& source);

/// The output of a credential process: JSON with Version 1, AccessKeyId, SecretAccessKey and
/// optionally SessionToken and Expiration, keys in any case. kUpstream if something is missing.
[[nodiscard]] Result<aws::CredentialsPtr> parse_process_output(std::string_view json,
                                                               const std::string& source);

/// The answer of STS to `action`, such as AssumeRole: XML. kUpstream if something is missing.
[[nodiscard]] Result<aws::CredentialsPtr> parse_sts_answer(std::string_view xml,
                                                           std::string_view action,
                                                           const std::string& source);

/// An error of STS. A field that is missing is empty; all are if `xml` is no error document.
[[nodiscard]] aws::ErrorDocument parse_sts_error(std::string_view xml);

}  // namespace cachey::origin
