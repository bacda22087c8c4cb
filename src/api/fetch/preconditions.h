#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/condition.h"
#include "net/http/http.h"

namespace cachey::api {

/// The preconditions of a request by RFC 9110 13: If-Match, If-Unmodified-Since, If-None-Match,
/// If-Modified-Since and If-Range, in the order of 13.2.2. Lines of the same list are one list. A
/// date that is none is ignored. As S3 does, an entity tag without quotes is taken, because some
/// clients strip them.
///
/// An If-Range that does not hold fails: without its Range a fetch is no request.
class Preconditions final : public cache::Condition {
 public:
  /// The text of `request` outlives this.
  explicit Preconditions(const net::Request& request);

  /// The name of a field (in lower case) that has a precondition.
  [[nodiscard]] static bool is_field(std::string_view name) {
    return name.starts_with("if-") &&
           (name == "if-match" || name == "if-none-match" || name == "if-range" ||
            name == "if-modified-since" || name == "if-unmodified-since");
  }

  [[nodiscard]] cache::Verdict judge(const ObjectInfo& version) const override;

 private:
  struct Tag {
    std::string_view opaque;  // without quotes
    bool weak = false;
  };
  /// A list of entity tags, or `*`.
  struct Tags {
    bool any = false;
    std::vector<Tag> tags;
  };
  enum class Comparison : uint8_t { kStrong, kWeak };

  static void add_tags(std::string_view line, std::optional<Tags>& tags);
  [[nodiscard]] static std::optional<Tag> take_tag(std::string_view& rest);
  [[nodiscard]] static bool matches(const Tags& tags, const ObjectInfo& version, Comparison how);
  [[nodiscard]] bool if_range_holds(const ObjectInfo& version) const;

  std::optional<Tags> if_match_;
  std::optional<Tags> if_none_match_;
  std::optional<int64_t> unmodified_since_;
  std::optional<int64_t> modified_since_;
  std::optional<std::string_view> if_range_;
  bool if_range_repeated_ = false;
};

}  // namespace cachey::api
