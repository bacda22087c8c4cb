#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/bucket_glob.h"
#include "base/error.h"
#include "base/mutex.h"

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

/// The rules for the buckets of a kind. A declared kind has the declared buckets. Other kinds have
/// each bucket that a pattern allows; without patterns, each bucket. The rules are the same for all
/// requests of one kind: whatever one request brings into memory, every other may read. Therefore,
/// if a pattern goes, what is in memory must go, too (Purges::empty_memory()).
///
/// Copies share the patterns. Any thread.
class BucketRules {
 public:
  /// All kinds have all buckets.
  BucketRules() : BucketRules({}, {}, OtherKinds::kAny) {}
  /// REQUIRES: no kind is declared twice; `allowed` is empty or matches each declared bucket.
  BucketRules(std::vector<BucketGlob> allowed, std::vector<DeclaredKind> kinds, OtherKinds others);

  /// There is no rule.
  [[nodiscard]] bool empty() const {
    return is_open_ && patterns_->current.load(std::memory_order_relaxed) == nullptr;
  }
  /// The admin named each bucket: no pattern lets clients make up names.
  [[nodiscard]] bool limit_names() const;
  /// The texts of the patterns.
  [[nodiscard]] std::vector<std::string> allowed() const;
  /// The bucket of a declared kind that no pattern of `allowed` matches; nothing: there is none.
  [[nodiscard]] std::optional<std::string> declared_but_not_by(
      const std::vector<BucketGlob>& allowed) const;
  /// Replaces the patterns of this and of all copies. False: they were replaced kReplacedMax times
  /// already. REQUIRES: `allowed` is empty or matches each declared bucket.
  [[nodiscard]] bool replace_allowed(std::vector<BucketGlob> allowed);
  static constexpr size_t kReplacedMax = 100;
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

  using Globs = std::vector<BucketGlob>;
  /// Sets that were replaced stay: a request may be looking at one, without a lock.
  struct Patterns {
    std::atomic<const Globs*> current{nullptr};  ///< null: no pattern
    Mutex mutex;
    std::vector<std::unique_ptr<const Globs>> all GUARDED_BY(mutex);
  };

  std::shared_ptr<Patterns> patterns_ = std::make_shared<Patterns>();
  boost::unordered_flat_map<std::string, std::vector<std::string>, Hash, std::equal_to<>> declared_;
  OtherKinds others_ = OtherKinds::kAny;
  bool is_open_ = true;  ///< no kind is declared, and all kinds are allowed
};

}  // namespace cachey::api
