#include "app/options/config_file.h"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <optional>
#include <vector>

#include "base/escape.h"
#include "base/log.h"
#include "base/read_file.h"

namespace cachey::app {
namespace {

/// `text` itself if it is plain, else quoted and escaped.
std::string shown(std::string_view text) {
  return is_utf8(text) && !has_control(text) ? std::string(text) : log::quoted(text);
}

/// The text that the command line would have, if the kind of `node` fits `form`.
std::optional<std::string> scalar_text(const toml::node& node, Option::Form form) {
  using Form = Option::Form;
  if (form == Form::kText || form == Form::kSize) {
    if (const auto* text = node.as_string()) return text->get();
  }
  if (form == Form::kSize || form == Form::kNumber || form == Form::kFraction) {
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  }
  if (form == Form::kFraction) {
    if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  }
  if (form == Form::kFlag) {
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  }
  return std::nullopt;
}

const char* kind_of(Option::Form form) {
  switch (form) {
    case Option::Form::kText:
      return "must be text in quotation marks";
    case Option::Form::kSize:
      return "must be a size in quotation marks, or a whole number of bytes";
    case Option::Form::kNumber:
      return "must be a whole number, without quotation marks";
    case Option::Form::kFraction:
      return "must be a number, without quotation marks";
    case Option::Form::kFlag:
      return "must be true or false, without quotation marks";
  }
  return "";
}

/// The values of one key, or a fault if the TOML type does not fit the option.
std::expected<std::vector<std::string>, std::string> values_of(const toml::node& node,
                                                               const Option& option) {
  const toml::array* const list = node.as_array();
  if (option.repeatable != (list != nullptr)) {
    return std::unexpected(option.repeatable ? "must be an array: [\"...\"]"
                                             : "must be one value, not an array");
  }
  std::vector<std::string> values;
  const auto take = [&values, &option](const toml::node& one) {
    std::optional<std::string> text = scalar_text(one, option.form);
    if (text) values.push_back(std::move(*text));
    return text.has_value();
  };
  bool taken = true;
  if (list == nullptr) {
    taken = take(node);
  } else {
    for (const toml::node& one : *list) taken = take(one) && taken;
  }
  if (!taken) return std::unexpected(kind_of(option.form));
  return values;
}

std::vector<std::string> names_in_files(std::span<const Option> table) {
  std::vector<std::string> names;
  for (const Option& option : table) {
    if (option.where == Option::Where::kEverywhere) names.push_back(option.name);
  }
  return names;
}

std::string toml_text(const std::string& value, Option::Form form) {
  if (form != Option::Form::kText && form != Option::Form::kSize) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string toml_value(const Option& option) {
  std::string list;
  for (const std::string& value : option.get()) {
    if (!list.empty()) list += ", ";
    list += toml_text(value, option.form);
  }
  return option.repeatable ? "[" + list + "]" : list;
}

}  // namespace

Settings load_config_file(const std::string& path, std::span<const Option> table) {
  Settings nothing;
  const Result<std::string> text = read_file_start(path, kConfigFileBytesMax + 1);
  if (!text) {
    nothing.faults.push_back(fmt::format("--config: {}: {}", shown(path), text.error().message()));
    return nothing;
  }
  if (text->size() > kConfigFileBytesMax) {
    nothing.faults.push_back(
        fmt::format("--config: {}: is longer than {} bytes", shown(path), kConfigFileBytesMax));
    return nothing;
  }
  return read_config_text(*text, shown(path), table);
}

Settings read_config_text(std::string_view text, const std::string& path,
                          std::span<const Option> table) {
  Settings read;
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    read.faults.push_back(fmt::format("{}:{}: {}", path, parsed.error().source().begin.line,
                                      shown(parsed.error().description())));
    return read;
  }
  for (const auto& [key, node] : parsed.table()) {
    if (read.faults.size() == kConfigFaultsMax) {
      read.faults.push_back(fmt::format("{}: has more faults than these", path));
      break;
    }
    const std::string source = fmt::format("{}:{}", path, key.source().begin.line);
    const std::string label = fmt::format("{}: {}", source, shown(key.str()));
    const Option* const option = find_option(table, key.str());
    if (option == nullptr) {
      read.faults.push_back(
          fmt::format("{}: no such option{}", label, suggestion(key.str(), names_in_files(table))));
    } else if (option->where != Option::Where::kEverywhere) {
      read.faults.push_back(fmt::format("{}: cannot stand in a config file", label));
    } else if (auto values = values_of(node, *option); !values) {
      read.faults.push_back(fmt::format("{}: {}", label, values.error()));
    } else {
      read.settings.push_back({option->name, std::move(*values), source, label});
    }
  }
  return read;
}

std::string write_config_text(std::span<const Option> table) {
  std::string text;
  std::string_view group;
  for (const Option& option : table) {
    if (option.where != Option::Where::kEverywhere) continue;
    if (option.group != group) {
      text += fmt::format("{}# {}\n", text.empty() ? "" : "\n", option.group);
      group = option.group;
    }
    if (option.secret) {
      text += fmt::format("# {} is not shown  # from {}\n", option.name, option.source);
    } else {
      text += fmt::format("{} = {}  # from {}\n", option.name, toml_value(option), option.source);
    }
  }
  return text;
}

}  // namespace cachey::app
