#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/key_scope.h"

namespace cachey::api {

/// What `GET /admin/objects` asks for.
struct ObjectsQuery {
  KeyScope scope = KeyScope::all();
  std::pair<std::string, std::string> after;  ///< kind and key; both empty: from the first object
  size_t limit = kLimit;
  static constexpr size_t kLimit = 1'000;
  static constexpr size_t kLimitMax = 1'000'000;
};

/// Parses `kind=K&object=O`, or any of `kind=K`, `prefix=P` (with a kind), `after=KIND/KEY` and
/// `limit=N`. An empty query means all objects. All else is kBadRequest.
[[nodiscard]] Result<ObjectsQuery> parse_objects_query(std::string_view query);

}  // namespace cachey::api
