#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/object_info.h"

namespace cachey::cache {

/// What a version that an answer or the disk brings does to an object's pages.
enum class VersionVerdict : uint8_t {
  kTaken,      ///< the page may stay; so may all other pages
  kReplaced,   ///< the page may stay; pages of versions that are not the object's go
  kDropped,    ///< the page goes: the bucket has a newer version, or the object has no more room
  kContested,  ///< another bucket's version, which stays, has another size: the page has none
};

/// The versions of one object in the cache: the *ruling* one, which says how large the object is,
/// and those of other buckets, of the same size, one a bucket. The rules of "Versions" in
/// docs/cache.md:
/// - A bucket's version is replaced only by the answer to a later request to the same bucket.
/// - Only the ruling bucket changes the object's size. A version of another bucket with another
///   size is contested.
/// - The *home* bucket, which has the kind's name, rules once its version is known.
/// - Attributes are no part of a version. Those of the newest answer count: the bucket's source is
///   replaced by a source of the same version then, and pages with the former source stay.
///
/// Small, because each object in the table has one. Not synchronized.
class ObjectVersions {
 public:
  /// Past this many buckets beside the ruling one, pages of further buckets do not stay.
  static constexpr size_t kOthersMax = 7;

  /// Null: no version is known.
  [[nodiscard]] const ObjectSourcePtr& ruling() const { return ruling_; }
  /// The ruling one first.
  [[nodiscard]] std::vector<ObjectSourcePtr> all() const;
  /// The bucket's version, or null.
  [[nodiscard]] ObjectSourcePtr of(std::string_view bucket) const;
  /// Whether this is the version of its bucket.
  [[nodiscard]] bool has(const ObjectSource& source) const;

  /// The answer to a request that was sent at `sent_at` brought `source`. Of two requests to one
  /// bucket, the one that was sent last decides; of two that were sent at the same time, the one
  /// that was observed last. If the version is known, `source` becomes the known, shared one,
  /// unless the answer has newer attributes (tells_news).
  [[nodiscard]] VersionVerdict observe(ObjectSourcePtr& source, MonoTime sent_at,
                                       std::string_view home);
  /// The disk has a page of `source`: as an answer older than all others.
  [[nodiscard]] VersionVerdict adopt(ObjectSourcePtr& source, std::string_view home);

  enum class Forgotten : uint8_t {
    kNothing,  ///< the object has another version of this bucket, or none
    kBucket,   ///< the bucket's version
    kObject,   ///< all versions, because the bucket ruled
  };
  /// The bucket no longer has this version.
  Forgotten forget(const ObjectSource& gone);
  /// When the request was sent that brought the bucket's version. REQUIRES: of(bucket).
  [[nodiscard]] MonoTime sent_at(std::string_view bucket) const;

 private:
  struct Other {
    ObjectSourcePtr source;
    MonoTime sent_at;
  };
  [[nodiscard]] Other* find(std::string_view bucket) const;
  [[nodiscard]] VersionVerdict add(ObjectSourcePtr& source, MonoTime sent_at,
                                   std::string_view home);
  void rule_alone(ObjectSourcePtr source, MonoTime sent_at);

  ObjectSourcePtr ruling_;
  MonoTime ruling_sent_at_;
  std::unique_ptr<std::vector<Other>> others_;  // null or not empty; the oldest first
};

}  // namespace cachey::cache
