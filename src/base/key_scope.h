#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cachey {

/// A set of objects by their names: one object, a kind's objects with a prefix, a kind,
/// or all.
class KeyScope {
 public:
  enum class What : uint8_t { kObject, kPrefix, kKind, kAll };

  [[nodiscard]] static KeyScope object(std::string kind, std::string key) {
    return {What::kObject, std::move(kind), std::move(key)};
  }
  /// REQUIRES: `prefix` is not empty, so that a lost text never means a whole kind.
  [[nodiscard]] static KeyScope prefix(std::string kind, std::string prefix) {
    return {What::kPrefix, std::move(kind), std::move(prefix)};
  }
  [[nodiscard]] static KeyScope of_kind(std::string kind) {
    return {What::kKind, std::move(kind), {}};
  }
  [[nodiscard]] static KeyScope all() { return {What::kAll, {}, {}}; }

  [[nodiscard]] What what() const { return what_; }
  /// Empty: of all kinds.
  [[nodiscard]] const std::string& kind() const { return kind_; }
  /// The object's key, or the prefix; else empty.
  [[nodiscard]] const std::string& text() const { return text_; }
  /// One object is found by its name; other sets by a walk over all objects.
  [[nodiscard]] bool is_object() const { return what_ == What::kObject; }

  [[nodiscard]] bool has(std::string_view kind, std::string_view key) const {
    switch (what_) {
      case What::kObject:
        return kind == kind_ && key == text_;
      case What::kPrefix:
        return kind == kind_ && key.starts_with(text_);
      case What::kKind:
        return kind == kind_;
      case What::kAll:
        return true;
    }
    return false;
  }

 private:
  KeyScope(What what, std::string kind, std::string text)
      : what_(what), kind_(std::move(kind)), text_(std::move(text)) {}

  What what_;
  std::string kind_;
  std::string text_;
};

}  // namespace cachey
