#include "api/s3/aliases.h"

#include <algorithm>
#include <utility>

namespace cachey::api::s3 {

Aliases::Aliases(std::vector<DeclaredKind> aliases) : aliases_(std::move(aliases)) {
  std::ranges::sort(aliases_, {}, &DeclaredKind::name);
}

const std::vector<std::string>* Aliases::replicas_of(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      aliases_, name, {}, [](const DeclaredKind& alias) -> std::string_view { return alias.name; });
  return found == aliases_.end() || found->name != name ? nullptr : &found->buckets;
}

std::vector<std::string> Aliases::named_by(std::string_view bucket) const {
  if (replicas_of(bucket) != nullptr) return {};
  return {std::string(bucket)};
}

}  // namespace cachey::api::s3
