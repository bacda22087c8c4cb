#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/bucket_glob.h"
#include "base/error.h"

namespace cachey::api {

/// The declaration of a kind: the buckets that hold its objects, each with the same bytes.
struct DeclaredKind {
  static constexpr size_t kBucketsMax = 16;

  std::string name;
  std::vector<std::string> buckets;  ///< preferred first; not empty, no duplicates

  /// Parses `NAME=BUCKET,...`. kBadRequest if a name breaks a rule of names.h, or if a bucket
  /// is missing, named twice or past kBucketsMax.
  [[nodiscard]] static Result<DeclaredKind> parse(std::string_view text);
  /// The text that parse() takes.
  [[nodiscard]] std::string text() const;
};

/// Kinds without a declaration.
enum class OtherKinds : uint8_t { kAny, kRefused };

/// What forbids a kind to have a bucket.
enum class BucketDenial : uint8_t {
  kKind,        ///< the kind is not declared, and only declared kinds are allowed
  kKindBucket,  ///< the bucket is none of the declared kind
  kBucket,      ///< no pattern allows the bucket
};

/// The rules for the buckets of a kind, given at the start. A declared kind has the declared
/// buckets. Other kinds have each bucket that a pattern allows; without patterns, each bucket.
/// Since the rules never change, they are the same for all requests of one kind: whatever one
/// request brings into memory, every other may read. Immutable; any thread.
class BucketRules {
 public:
  /// All kinds have all buckets.
  BucketRules() = default;
  /// REQUIRES: no kind is declared twice; `allowed` is empty or matches each declared bucket.
  BucketRules(std::vector<BucketGlob> allowed, std::vector<DeclaredKind> kinds, OtherKinds others);

  /// There is no rule.
  [[nodiscard]] bool empty() const {
    return allowed_.empty() && declared_.empty() && others_ == OtherKinds::kAny;
  }
  /// Nothing: the kind has the bucket.
  [[nodiscard]] std::optional<BucketDenial> denial(std::string_view kind,
                                                   std::string_view bucket) const;
  /// Adds the buckets of a request of this kind that names none: the declared ones, else the bucket
  /// of the kind's name.
  void add_buckets_of(std::string_view kind, std::vector<std::string>& buckets) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::vector<BucketGlob> allowed_;
  boost::unordered_flat_map<std::string, std::vector<std::string>, Hash, std::equal_to<>> declared_;
  OtherKinds others_ = OtherKinds::kAny;
};

}  // namespace cachey::api
