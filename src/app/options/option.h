#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/options/settings.h"

namespace cachey::app {

/// One option, as the command line, the environment, the config file, the help and docs/options.md
/// need it.
struct Option {
  /// How a value is written in the config file.
  enum class Form : uint8_t {
    kText,
    kSize,      ///< text, or a whole number of bytes
    kNumber,    ///< a whole number
    kFraction,  ///< any number
    kFlag,      ///< true or false
  };
  enum class Where : uint8_t { kEverywhere, kNotInFile, kCommandLineOnly };

  std::string name = {};  ///< without dashes
  std::string_view group = {};
  std::string value_name = {};  ///< SIZE; empty for a flag
  std::string help = {};
  std::string default_text = {};  ///< for the help
  Form form = Form::kText;
  Where where = Where::kEverywhere;
  bool repeatable = false;
  char separator = ',';  ///< of the values of a repeatable option in the environment
  bool secret = false;   ///< the value is never shown

  /// Sets all of the values; if any is refused, none. Returns one text for each refused value.
  std::function<std::vector<std::string>(std::span<const std::string>)> set = {};
  /// The current values, in the form that `set` takes.
  std::function<std::vector<std::string>()> get = {};

  /// The source of the current values.
  std::string source = std::string(kDefaultSource);
  static constexpr std::string_view kDefaultSource = "default";
};

/// A type of values: its name in the help, and the way from text to value and back.
template <typename T>
struct ValueType {
  std::string name;
  Option::Form form;
  std::function<std::expected<T, std::string>(const std::string&)> parse;
  std::function<std::string(const T&)> format;
};

/// The most values of a repeatable option.
inline constexpr size_t kValuesMax = 256;

/// An option of one value, kept in `value`. `value` holds the default and outlives the option.
template <typename T>
Option one(const std::string& name, const ValueType<T>& type, T& value, const std::string& help) {
  Option option{.name = name, .value_name = type.name, .help = help, .form = type.form};
  option.default_text = type.format(value);
  if (option.form == Option::Form::kFlag && option.default_text == "false")
    option.default_text = "";
  option.set = [type, &value](std::span<const std::string> texts) -> std::vector<std::string> {
    if (texts.size() != 1) return {"is given more than once"};
    std::expected<T, std::string> parsed = type.parse(texts.front());
    if (!parsed) return {parsed.error()};
    value = std::move(*parsed);
    return {};
  };
  option.get = [type, &value] { return std::vector<std::string>{type.format(value)}; };
  return option;
}

/// An option that may be repeated. The source with the highest precedence replaces the whole list.
template <typename T>
Option many(const std::string& name, const ValueType<T>& type, std::vector<T>& values,
            const std::string& help) {
  Option option{
      .name = name, .value_name = type.name, .help = help, .form = type.form, .repeatable = true};
  option.get = [type, &values] {
    std::vector<std::string> texts;
    texts.reserve(values.size());
    for (const T& value : values) texts.push_back(type.format(value));
    return texts;
  };
  for (const std::string& text : option.get()) {
    option.default_text += option.default_text.empty() ? text : ", " + text;
  }
  option.set = [type, &values](std::span<const std::string> texts) -> std::vector<std::string> {
    if (texts.size() > kValuesMax) return {"takes at most " + std::to_string(kValuesMax)};
    std::vector<T> all;
    std::vector<std::string> faults;
    for (const std::string& text : texts) {
      std::expected<T, std::string> parsed = type.parse(text);
      if (parsed) {
        all.push_back(std::move(*parsed));
      } else {
        faults.push_back(parsed.error());
      }
    }
    if (faults.empty()) values = std::move(all);
    return faults;
  };
  return option;
}

/// The option of this name, or null.
[[nodiscard]] const Option* find_option(std::span<const Option> table, std::string_view name);

/// The environment variable of an option: CACHEY_DRAIN_TIMEOUT for `drain-timeout`.
[[nodiscard]] std::string variable_of(std::string_view name);

/// `; did you mean memory?`, with the nearest of `names`; empty if no name is near.
[[nodiscard]] std::string suggestion(std::string_view name, std::span<const std::string> names);

/// Sets the options from the settings of one source. Appends one line for each fault, with the
/// source's name.
void apply(const Settings& settings, std::span<Option> table, std::vector<std::string>& faults);

}  // namespace cachey::app
