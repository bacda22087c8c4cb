#pragma once

#include "aws/credentials.h"
#include "base/error.h"
#include "origin/environment.h"

namespace cachey::origin {

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (else SECRET_ACCESS_KEY) and AWS_SESSION_TOKEN. A blank
/// value counts as not set. Null if key or secret is
/// missing. Fails as make_credentials() does.
[[nodiscard]] Result<aws::CredentialsPtr> credentials_from_environment(
    const Environment& environment);

}  // namespace cachey::origin
