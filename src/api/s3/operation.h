#pragma once

#include <cstdint>
#include <string_view>

namespace cachey::api::s3 {

/// What a request asks for. The names are S3's; a row that is not S3's says so.
enum class Operation : uint8_t {
  kGetObject,
  kHeadObject,
  kGetPart,      ///< GetObject with `partNumber`
  kHeadPart,     ///< HeadObject with `partNumber`
  kGetVersion,   ///< GetObject with `versionId`, also with `partNumber`
  kHeadVersion,  ///< HeadObject with `versionId`, also with `partNumber`
  kGetObjectAcl,
  kGetObjectAttributes,
  kGetObjectTagging,
  kListObjects,
  kListObjectsV2,
  kListObjectVersions,
  kHeadBucket,
  kGetBucketLocation,
  kGetBucketVersioning,
  kListBuckets,
  kOtherRead,  ///< not S3's: GET or HEAD of any other sub-resource
  kOther,      ///< not S3's: any other method
};
inline constexpr unsigned kOperations = static_cast<unsigned>(Operation::kOther) + 1;

/// S3's name, for logs and metrics: `GetObject`, also of kGetPart and kGetVersion; `OtherRead`;
/// `Other`.
[[nodiscard]] std::string_view to_string(Operation operation);

}  // namespace cachey::api::s3
