#pragma once

#include <string>
#include <string_view>

#include "aws/credentials.h"
#include "aws/error_document.h"
#include "base/error.h"

/// What those who hand out credentials answer. Pure. No text of a failure holds anything of an
/// answer but error codes and messages.
namespace cachey::origin {

/// A container's or an instance's: JSON with AccessKeyId, SecretAccessKey, Token (or SessionToken)
/// and Expiration (or ExpiresAt), keys in any case. kDenied where its Code is not Success;
/// kUpstream where something is missing.
[[nodiscard]] Result<aws::CredentialsPtr> parse_metadata_answer(std::string_view json,
                                                                const std::string& source);

/// A credential process's: JSON with Version 1, AccessKeyId, SecretAccessKey and, if need be,
/// SessionToken and Expiration, keys in any case.
[[nodiscard]] Result<aws::CredentialsPtr> parse_process_output(std::string_view json,
                                                               const std::string& source);

/// That of STS to `action`, such as AssumeRole: XML.
[[nodiscard]] Result<aws::CredentialsPtr> parse_sts_answer(std::string_view xml,
                                                           std::string_view action,
                                                           const std::string& source);

/// An error of STS; empty fields where it says nothing, or is none.
[[nodiscard]] aws::ErrorDocument parse_sts_error(std::string_view xml);

}  // namespace cachey::origin
