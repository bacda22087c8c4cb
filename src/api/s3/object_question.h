#pragma once

#include <cstdint>
#include <memory>

#include "api/preconditions.h"
#include "api/s3/freshness.h"
#include "api/s3/operation.h"
#include "api/s3/overrides.h"
#include "api/s3/range.h"
#include "api/s3/request_cache_control.h"
#include "api/s3/revalidate_rules.h"
#include "cache/page.h"

namespace cachey::api::s3 {

/// What a request asks of an object, checked. Its text belongs to the request and to its target.
/// Small, because each answer has one in its frame: see GetObject::answer().
struct ObjectQuestion {
  cache::FetchSpecPtr spec;
  uint64_t hash = 0;  ///< of the spec's key
  AskedRange range;
  Preconditions conditions;
  std::unique_ptr<const ResponseOverrides> overrides{};  ///< null: none
  GoodFor good_for = RevalidateRules::kDefault;          ///< an answer about this object
  RequestCacheControl cache_control{};
  uint32_t part = 0;                            ///< partNumber; 0: the object, or its range
  Operation operation = Operation::kGetObject;  ///< or kHeadObject
  bool checksums = false;                       ///< x-amz-checksum-mode: ENABLED
};

}  // namespace cachey::api::s3
