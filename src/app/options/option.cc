#include "app/options/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/ascii.h"
#include "base/escape.h"

namespace cachey::app {
namespace {

/// Of a longer name only the beginning is compared.
constexpr size_t kComparedBytesMax = 64;

/// Levenshtein's distance, computed one row of the matrix at a time.
size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

/// True for UTF-8 without control characters.
bool is_plain_text(const std::string& text) { return is_utf8(text) && !has_control(text); }

}  // namespace

const Option* find_option(std::span<const Option> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Option::name);
  return found == table.end() ? nullptr : &*found;
}

std::string variable_of(std::string_view name) {
  std::string variable = "CACHEY_";
  for (const char c : name) {
    variable += c == '-' ? '_' : is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return variable;
}

std::string suggestion(std::string_view name, std::span<const std::string> names) {
  name = name.substr(0, kComparedBytesMax);
  const std::string* nearest = nullptr;
  size_t fewest = name.size() / 2 + 1;  // with that many edits the names have little in common
  for (const std::string& candidate : names) {
    const size_t edits = edits_between(name, candidate);
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = &candidate;
  }
  return nearest == nullptr ? std::string() : fmt::format("; did you mean {}?", *nearest);
}

void apply(const Settings& settings, std::span<Option> table, std::vector<std::string>& faults) {
  faults.insert(faults.end(), settings.faults.begin(), settings.faults.end());
  for (const Setting& setting : settings.settings) {
    Option& option = *std::ranges::find(table, setting.name, &Option::name);
    option.source = setting.source;
    std::vector<std::string> wrong;
    if (std::ranges::all_of(setting.values, is_plain_text)) {
      wrong = option.set(setting.values);
    } else {
      wrong.emplace_back("must be UTF-8 without control characters");
    }
    if (option.secret && !wrong.empty()) wrong = {"this value is not accepted (it is not shown)"};
    for (const std::string& why : wrong)
      faults.push_back(fmt::format("{}: {}", setting.label, why));
  }
}

}  // namespace cachey::app
