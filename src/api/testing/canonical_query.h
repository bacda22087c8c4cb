#pragma once

#include <string>
#include <string_view>

#include "base/escape.h"
#include "base/key_scope.h"

namespace cachey::api {

/// Writes the query that says what a parser understood, for fuzzers: parsed again, the query must
/// mean the same.
class CanonicalQuery {
 public:
  /// `kind`, and `object` or `prefix`.
  explicit CanonicalQuery(const KeyScope& scope) {
    using What = KeyScope::What;
    const What what = scope.what();
    if (what != What::kAll) add("kind", scope.kind());
    if (what == What::kObject) add("object", scope.text());
    if (what == What::kPrefix) add("prefix", scope.text());
  }

  void add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += '&';
    text_.append(name).append("=");
    percent_encode(value, Slashes::kEscape, text_);
  }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace cachey::api
