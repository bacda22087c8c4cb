#pragma once

#include <string>
#include <string_view>

namespace cachey::aws {

/// The path of an object in a request-target, which is the canonical URI of its signature too:
/// `base_path`, the bucket unless `bucket` is empty (a bucket in the host name), the key. Every
/// byte of bucket and key is percent-encoded once; slashes and dot segments of the key are kept.
/// `base_path` is encoded already and has no last slash. Pure.
[[nodiscard]] std::string object_path(std::string_view base_path, std::string_view bucket,
                                      std::string_view key);

}  // namespace cachey::aws
