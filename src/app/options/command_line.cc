#include "app/options/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <vector>

#include "app/options/revision.h"
#include "base/ascii.h"
#include "base/log.h"

namespace cachey::app {
namespace {

constexpr const char* kDescription =
    "Cachey: a read-through cache for object storage. Clients GET /fetch/{kind}/{object} with a "
    "Range;\n"
    "the answer comes from memory, or from the origin and is kept.\n"
    "\n"
    "cachey disk inspect|verify PATH: tells what is on a disk, or checks it (cachey disk --help).\n"
    "\n"
    "cachey --probe URL: ends with 0 if a GET is answered with 2xx within 2 s, for health checks.\n"
    "\n"
    "Every option can also be given in the environment (--max-connections as "
    "CACHEY_MAX_CONNECTIONS)\n"
    "and in a config file (max-connections = 500). The command line wins over the environment, "
    "the\n"
    "environment over the file. Options marked ... may be repeated;\n"
    "defaults stand in parentheses.";

/// Column at which the explanations in the help begin.
constexpr size_t kHelpColumn = 36;

constexpr std::string_view kVariablePrefix = "CACHEY_";

/// The warning on service variables lists names up to this many bytes.
constexpr size_t kLinksNamedBytes = 200;

std::string flag_of(const std::string& name) { return "--" + name; }

/// Declares one option to CLI11. CLI11 only splits the line; values are checked after all sources
/// are read.
CLI::Option* declare(CLI::App& app, const Option& option) {
  const std::string group(option.group);
  const std::string help = option.default_text.empty()
                               ? option.help
                               : fmt::format("{} ({})", option.help, option.default_text);
  if (option.form == Option::Form::kFlag)
    return app.add_flag(flag_of(option.name), help)->group(group);
  return app.add_option(flag_of(option.name), help)
      ->type_name(option.value_name + (option.repeatable ? "..." : ""))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
}

/// Whether Kubernetes sets this variable for a service named cachey or cachey-*: CACHEY_PORT is
/// then tcp://10.0.0.1:80, and there are CACHEY_SERVICE_HOST, CACHEY_PORT_80_TCP_ADDR and the like.
bool is_service_link(std::string_view name, std::string_view value) {
  for (const char* scheme : {"tcp://", "udp://", "sctp://"}) {
    if (value.starts_with(scheme)) return true;
  }
  name.remove_prefix(kVariablePrefix.size() - 1);  // keeps the underscore
  if (name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")) return true;
  const size_t port = name.find("_PORT_");
  const auto is_digit_at = [&](size_t at) { return at < name.size() && is_digit(name[at]); };
  return port != std::string_view::npos && is_digit_at(port + 6);
}

/// One fault for each argument that no option took. An argument after an unknown option counts as
/// that option's value.
std::vector<std::string> faults_of(const std::vector<std::string>& extras,
                                   std::span<const Option> table) {
  std::vector<std::string> names;
  for (const Option& option : table) names.push_back(flag_of(option.name));
  std::vector<std::string> faults;
  bool after_unknown = false;
  for (const std::string& extra : extras) {
    const bool is_option = extra.starts_with('-') && extra != "--";
    const std::string name = extra.substr(0, extra.find('='));
    if (is_option) {
      faults.push_back(
          fmt::format("{}: no such option{}", log::quoted(name), suggestion(name, names)));
    } else if (!after_unknown) {
      faults.push_back(fmt::format("{}: only options are taken", log::quoted(extra)));
    }
    after_unknown = is_option && name == extra;
  }
  return faults;
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> values;
  while (true) {
    const size_t end = text.find(separator);
    values.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return values;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::expected<Settings, std::string> read_command_line(int argc, const char* const* argv,
                                                       std::span<const Option> table) {
  CLI::App app(kDescription, "cachey");
  const std::string version = fmt::format("cachey {} ({})", CACHEY_VERSION, build_revision());
  app.set_version_flag("-V,--version", version);
  app.allow_extras();
  app.get_formatter()->column_width(kHelpColumn);
  std::vector<CLI::Option*> declared;
  for (const Option& option : table) declared.push_back(declare(app, option));
  Settings read;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(app.help());
  } catch (const CLI::CallForVersion&) {
    return std::unexpected(version + "\n");
  } catch (const CLI::ParseError& error) {
    const std::string why = error.what();
    read.faults.push_back(why.substr(0, why.find('\n')));
  }
  for (size_t i = 0; i < table.size(); ++i) {
    const std::vector<std::string>& values = declared[i]->results();
    if (std::ranges::find(values, "") != values.end()) {  // as from "$TOKENS" if TOKENS is not set
      read.faults.push_back(flag_of(table[i].name) + ": has an empty value");
    } else if (!values.empty()) {
      read.settings.push_back({table[i].name, values, "command line", flag_of(table[i].name)});
    }
  }
  for (std::string& fault : faults_of(app.remaining(), table)) {
    read.faults.push_back(std::move(fault));
  }
  return read;
}

Settings read_environment(const char* const* environment, std::span<const Option> table) {
  std::vector<std::string> variables;
  for (const Option& option : table) {
    if (option.where != Option::Where::kCommandLineOnly)
      variables.push_back(variable_of(option.name));
  }
  std::map<std::string, std::string, std::less<>> given;
  Settings read;
  std::string links;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kVariablePrefix)) continue;
    const std::string_view value = entry.substr(std::min(entry.size(), name.size() + 1));
    if (is_service_link(name, value)) {
      if (links.size() < kLinksNamedBytes)
        links += fmt::format("{}{}", links.empty() ? "" : ", ", name);
      continue;
    }
    given.emplace(name, value);
    if (std::ranges::find(variables, name) != variables.end()) continue;
    read.warnings.push_back(fmt::format("the variable {} stands for no option{}", log::quoted(name),
                                        suggestion(name, variables)));
  }
  if (!links.empty()) {
    read.warnings.push_back(
        fmt::format("Kubernetes set {} for a service; these are no options of Cachey "
                    "(enableServiceLinks: false leaves them out)",
                    log::quoted(links)));
  }
  for (const Option& option : table) {
    const std::string variable = variable_of(option.name);
    const auto found = given.find(variable);
    if (found == given.end() || found->second.empty() ||
        option.where == Option::Where::kCommandLineOnly) {
      continue;
    }
    const std::string& text = found->second;
    std::vector<std::string> values{text};
    if (option.repeatable) values = split_list(text, option.separator);
    read.settings.push_back({option.name, std::move(values), variable, variable});
  }
  return read;
}

}  // namespace cachey::app
