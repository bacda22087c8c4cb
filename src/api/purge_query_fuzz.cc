// Input: the query of a purge.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/purge_query.h"
#include "api/testing/canonical_query.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cachey;
  const Result<api::PurgeQuery> parsed =
      api::parse_purge_query(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) {
    CHECK(parsed.error().message().size() < 300);
    return 0;
  }
  const KeyScope* const scope = &parsed->scope;
  // What was understood is what the canonical query says.
  api::CanonicalQuery query(*scope);
  using What = KeyScope::What;
  const What what = scope->what();
  if (what == What::kAll || what == What::kKind) query.add("all", "true");
  if (parsed->soft) query.add("soft", "true");
  CHECK(!parsed->soft || what == What::kObject);
  CHECK(what == What::kAll || !scope->kind().empty());
  CHECK((what == What::kObject || what == What::kPrefix) == !scope->text().empty());
  const Result<api::PurgeQuery> again = api::parse_purge_query(query.text());
  CHECK(again && again->scope.what() == what && again->scope.kind() == scope->kind() &&
        again->scope.text() == scope->text() && again->soft == parsed->soft);
  return 0;
}
