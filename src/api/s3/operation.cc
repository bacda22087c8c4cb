#include "api/s3/operation.h"

namespace cachey::api::s3 {

std::string_view to_string(Operation operation) {
  switch (operation) {
    case Operation::kGetObject:
    case Operation::kGetPart:
    case Operation::kGetVersion:
      return "GetObject";
    case Operation::kHeadObject:
    case Operation::kHeadPart:
    case Operation::kHeadVersion:
      return "HeadObject";
    case Operation::kGetObjectAcl:
      return "GetObjectAcl";
    case Operation::kGetObjectAttributes:
      return "GetObjectAttributes";
    case Operation::kGetObjectTagging:
      return "GetObjectTagging";
    case Operation::kListObjects:
      return "ListObjects";
    case Operation::kListObjectsV2:
      return "ListObjectsV2";
    case Operation::kListObjectVersions:
      return "ListObjectVersions";
    case Operation::kHeadBucket:
      return "HeadBucket";
    case Operation::kGetBucketLocation:
      return "GetBucketLocation";
    case Operation::kGetBucketVersioning:
      return "GetBucketVersioning";
    case Operation::kListBuckets:
      return "ListBuckets";
    case Operation::kOtherRead:
      return "OtherRead";
    case Operation::kOther:
      break;
  }
  return "Other";
}

}  // namespace cachey::api::s3
