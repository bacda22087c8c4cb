#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "cache/condition.h"
#include "net/http/http.h"

namespace cachey::api {

/// The preconditions of a request by RFC 9110 13: If-Match, If-Unmodified-Since, If-None-Match,
/// If-Modified-Since and If-Range, in the order of 13.2.2. Lines of the same list are one list. A
/// date that is none is ignored. As S3 does, an entity tag without quotes is taken, because some
/// clients strip them. Holds no memory of its own. Immutable.
class Preconditions final : public cache::Condition {
 public:
  /// What an If-Range that does not hold means.
  enum class IfRange : uint8_t {
    kFails,       ///< the request fails: without its Range it is no request
    kVoidsRange,  ///< the request has no Range; see range_holds()
  };

  /// `request` outlives this.
  explicit Preconditions(const net::Request& request, IfRange if_range = IfRange::kFails);

  /// The name of a field (in lower case) that has a precondition.
  [[nodiscard]] static bool is_field(std::string_view name) {
    return name.starts_with("if-") &&
           (name == "if-match" || name == "if-none-match" || name == "if-range" ||
            name == "if-modified-since" || name == "if-unmodified-since");
  }

  [[nodiscard]] cache::Verdict judge(const ObjectInfo& version) const override;

  /// The request has no preconditions: judge() always returns kHolds.
  [[nodiscard]] bool empty() const {
    return !has_if_match_ && !has_if_none_match_ && !unmodified_since_ && !modified_since_ &&
           !if_range_;
  }
  /// A version may hold for which the client needs no bytes, or others than its Range has. If-Match
  /// and If-Unmodified-Since alone name the version that the client wants.
  [[nodiscard]] bool may_do_without_body() const {
    return has_if_none_match_ || modified_since_ || if_range_;
  }
  [[nodiscard]] bool has_if_range() const { return if_range_.has_value(); }
  /// The Range counts: there is no If-Range, or this is the version that it names.
  [[nodiscard]] bool range_holds(const ObjectInfo& version) const;
  /// If-Match has the tag of this version. `*` is no tag.
  [[nodiscard]] bool names(const ObjectInfo& version) const;
  /// The field that fails, as S3 writes it. Empty unless judge() returns kFails.
  [[nodiscard]] std::string_view failed_field(const ObjectInfo& version) const;

 private:
  enum class Comparison : uint8_t { kStrong, kWeak };

  [[nodiscard]] bool matches(std::string_view name, const ObjectInfo& version,
                             Comparison how) const;
  [[nodiscard]] bool lists_star(std::string_view name) const;

  std::span<const net::Field> fields_;  // of the request
  bool has_if_match_ = false;
  bool has_if_none_match_ = false;
  bool if_range_repeated_ = false;
  IfRange what_if_range_means_;
  std::optional<int64_t> unmodified_since_;
  std::optional<int64_t> modified_since_;
  std::optional<std::string_view> if_range_;
};

}  // namespace cachey::api
