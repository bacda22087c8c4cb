#include "origin/content_range.h"

#include <algorithm>
#include <charconv>

namespace cachey::origin {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Reads the parts of a text, front to back.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_unit() {
    skip_blanks();
    constexpr std::string_view kUnit = "bytes";
    if (rest_.size() <= kUnit.size()) return false;
    for (size_t i = 0; i < kUnit.size(); ++i) {
      if ((rest_[i] | 0x20) != kUnit[i]) return false;
    }
    rest_.remove_prefix(kUnit.size());
    return is_blank(rest_.front());
  }

  std::optional<uint64_t> take_number() {
    skip_blanks();
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc() || number > INT64_MAX) return std::nullopt;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return number;
  }

  /// `/0`: the rest says that the object has no byte.
  bool is_of_nothing() const {
    Scanner size(rest_.substr(std::min(rest_.find('/'), rest_.size())));
    return size.take('/') && size.take_number() == 0 && size.at_end();
  }

  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
  Scanner scanner(text);
  ContentRange parsed;
  if (!scanner.take_unit()) return std::nullopt;
  if (scanner.is_of_nothing()) return ContentRange(std::nullopt, 0);
  if (!scanner.take('*')) {
    const std::optional<uint64_t> first = scanner.take_number();
    if (!first || !scanner.take('-')) return std::nullopt;
    const std::optional<uint64_t> last = scanner.take_number();
    if (!last || *last + 1 < *first) return std::nullopt;
    parsed.range = ByteRange(*first, *last + 1);
  }
  if (!scanner.take('/')) return std::nullopt;
  if (!scanner.take('*')) {
    parsed.size = scanner.take_number();
    if (!parsed.size) return std::nullopt;
  }
  if (!scanner.at_end() || (!parsed.range && !parsed.size)) return std::nullopt;
  const bool has_bytes = parsed.range && !parsed.range->empty();
  if (has_bytes && parsed.size && parsed.range->end > *parsed.size) return std::nullopt;
  return parsed;
}

}  // namespace cachey::origin
