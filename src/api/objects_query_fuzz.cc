// Input: the query of a listing of objects.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/objects_query.h"
#include "api/testing/canonical_query.h"
#include "base/check.h"
#include "base/escape.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  const Result<api::ObjectsQuery> parsed =
      api::parse_objects_query(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) {
    CHECK(parsed.error().message().size() < 300);
    return 0;
  }
  CHECK(parsed->limit > 0 && parsed->limit <= api::ObjectsQuery::kLimitMax);
  // What was understood is what the canonical query says.
  const KeyScope& scope = parsed->scope;
  api::CanonicalQuery query(scope);
  const auto& [kind, key] = parsed->after;
  if (!kind.empty() || !key.empty()) {
    std::string after;
    percent_encode(kind, Slashes::kEscape, after);
    query.add("after", after + '/' + key);
  }
  if (parsed->limit != api::ObjectsQuery::kLimit) query.add("limit", std::to_string(parsed->limit));
  const Result<api::ObjectsQuery> again = api::parse_objects_query(query.text());
  CHECK(again && again->scope.what() == scope.what() && again->scope.kind() == scope.kind() &&
        again->scope.text() == scope.text() && again->after == parsed->after &&
        again->limit == parsed->limit);
  return 0;
}
