#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/bucket_rules.h"

namespace cachey::api::s3 {

/// The virtual buckets of `--s3api-bucket`: names over replicas, which are buckets with the same
/// objects. An alias is a declared kind (see BucketRules), so that `/fetch` and this endpoint have
/// the same pages of the same buckets. Immutable; any thread.
class Aliases {
 public:
  /// There are none.
  Aliases() = default;
  /// REQUIRES: no name twice.
  explicit Aliases(std::vector<DeclaredKind> aliases);

  /// The replicas, preferred first. Null: the name is no alias.
  [[nodiscard]] const std::vector<std::string>* replicas_of(std::string_view name) const;
  /// What a request for this bucket names to Permit::allow: nothing for an alias, so that the
  /// replicas are meant; else the bucket.
  [[nodiscard]] std::vector<std::string> named_by(std::string_view bucket) const;
  /// All, by name.
  [[nodiscard]] const std::vector<DeclaredKind>& all() const { return aliases_; }

 private:
  std::vector<DeclaredKind> aliases_;  // sorted by name
};

}  // namespace cachey::api::s3
