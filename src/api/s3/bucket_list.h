#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The document of ListBuckets: read from the store, cut to what the client may see, written anew.
namespace cachey::api::s3 {

/// A document with more bytes is not read. S3's quota of 10,000 buckets takes some 1.5 MB.
inline constexpr size_t kBucketListBytesMax = 4 * 1024 * 1024;

struct BucketList {
  struct Bucket {
    std::string name;
    std::string creation_date;  ///< as the store writes it; may be empty
  };

  std::string owner_id;
  std::string owner_name;
  std::vector<Bucket> buckets;
  std::string continuation_token;  ///< empty: the list ends here
  std::string prefix;

  /// Nothing: the document is no `ListAllMyBucketsResult`.
  [[nodiscard]] static std::optional<BucketList> parse(std::string_view document);
  [[nodiscard]] std::string write() const;

  /// Removes the buckets that `is_visible` refuses.
  void keep_only(const std::function<bool(std::string_view bucket)>& is_visible);
  /// Adds a bucket that the store does not have, in the order of names. Its date is that of
  /// `like` in this list, else the epoch. Does nothing if the name is there.
  void add(std::string_view name, std::string_view like);
};

}  // namespace cachey::api::s3
