#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/settings.h"

namespace cachey::app {

/// One option: all that the command line, the environment, the config file, the help and the
/// documents know of it.
struct Option {
  /// How a value stands in the config file.
  enum class Form : uint8_t { kText, kNumber, kFlag };
  enum class Where : uint8_t { kEverywhere, kNotInFile, kCommandLineOnly };

  std::string name = {};  ///< without dashes
  std::string_view group = {};
  std::string value_name = {};  ///< SIZE; empty for a flag
  std::string help = {};
  std::string default_text = {};  ///< for people
  Form form = Form::kText;
  Where where = Where::kEverywhere;
  bool repeatable = false;
  bool secret = false;  ///< its value is shown nowhere

  /// Takes the values, all of them or, where any is refused, none. Returns what is wrong, a text a
  /// refused value.
  std::function<std::vector<std::string>(std::span<const std::string>)> set = {};
  /// What it has now, as `set` takes it.
  std::function<std::vector<std::string>()> get = {};

  /// Who gave it what it has now.
  std::string source = std::string(kDefaultSource);
  static constexpr std::string_view kDefaultSource = "default";
};

/// What a value is: its name in the help, and text to value and back.
template <typename T>
struct ValueType {
  std::string name;
  Option::Form form;
  std::function<std::expected<T, std::string>(const std::string&)> parse;
  std::function<std::string(const T&)> format;
};

/// The most values of a repeatable option.
inline constexpr size_t kValuesMax = 256;

/// An option of one value, kept in `value`, which holds the default and outlives the option.
template <typename T>
Option one(const std::string& name, const ValueType<T>& type, T& value, const std::string& help) {
  Option option{.name = name, .value_name = type.name, .help = help, .form = type.form};
  option.default_text = type.format(value);
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

/// An option that may be given again and again. Who speaks last in the order of precedence replaces
/// the whole list.
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

/// The option of that name, or null.
[[nodiscard]] const Option* find_option(std::span<const Option> table, std::string_view name);

/// The variable that stands for an option: CACHEY_DRAIN_TIMEOUT for `drain-timeout`.
[[nodiscard]] std::string variable_of(std::string_view name);

/// `; did you mean memory?`, with the nearest of `names`; empty where none is near.
[[nodiscard]] std::string suggestion(std::string_view name, std::span<const std::string> names);

/// Gives the options what one source says. Appends a line a fault, each with the source's name.
void apply(const Settings& settings, std::span<Option> table, std::vector<std::string>& faults);

}  // namespace cachey::app
