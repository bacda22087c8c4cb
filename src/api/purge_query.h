#pragma once

#include <string_view>

#include "base/error.h"
#include "base/key_scope.h"

namespace cachey::api {

struct PurgeQuery {
  KeyScope scope;
  bool soft = false;  ///< only if the store has another version, or none
};

/// Parses the query of `/admin/purge`: `kind=K&object=O`, `kind=K&object=O&soft=true`,
/// `kind=K&prefix=P`, `kind=K&all=true` or `all=true`, in any order, percent-encoded; `+` is a
/// plus. All else is kBadRequest, so that a lost or misspelt part of the query never purges more
/// than was meant.
[[nodiscard]] Result<PurgeQuery> parse_purge_query(std::string_view query);

}  // namespace cachey::api
