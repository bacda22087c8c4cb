// Purges in the model of the disk tier.

#include "store/testing/disk_model.h"

namespace cachey::store {

KeyScope DiskModel::any_scope() {
  switch (random() % 4) {
    case 0:
      return KeyScope::of_kind("kind");
    case 1:
      return KeyScope::all();
    case 2:
      return KeyScope::prefix("kind", "1");
    default:
      return KeyScope::object("kind", std::to_string(any_object()));
  }
}

/// After a purge that holds the model takes the object for one of a new version: no page of an
/// older one may be found, whatever happens next.
void DiskModel::purge(const KeyScope& scope) {
  const Result<DiskPurged> purged =
      disk_.run(disk_.tier().purge(disk_.worker(), scope, [] { return false; }));
  const bool holds = purged && !dead_ && world_ != World::kEvil;
  purges_ += holds ? 1 : 0;
  for (int object = 0; object < kObjects; ++object) {
    const std::string name = std::to_string(object);
    if (!scope.has("kind", name)) continue;
    if (!listed(object).empty()) wrongs_.push_back("pages of a purged object " + name);
    std::erase_if(durable_, [object](const auto& page) { return page.first.object == object; });
    durable_answers_.erase(object);
    observed_.erase(object);
    if (holds) oldest_possible_[object] = ++versions_[object];
  }
  check_bounds();
}

}  // namespace cachey::store
