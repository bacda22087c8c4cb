#pragma once

#include <string>
#include <string_view>

namespace cachey::net {

/// The target of a request for a log: without the values of the query's parameters that a signature
/// consists of, `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`, `Signature` and
/// `AWSAccessKeyId`, and of `X-Amz-Server-Side-Encryption-Customer-Key` (also of a copy's source),
/// in any case. `***` stands for each value. Escapes of names and separators (`%26`, `%3D`, `%3F`)
/// are read too, because targets arrive that were encoded once too often.
[[nodiscard]] std::string masked_target(std::string_view target);

}  // namespace cachey::net
