#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "app/options/option_table.h"

namespace cachey::app {
namespace {

/// The table of options that docs/options.md must contain.
std::string markdown_table() {
  Options options;
  std::string text = "| option | default | |\n|---|---|---|\n";
  std::string_view group;
  for (const Option& option : option_table(options)) {
    if (option.group != group) text += fmt::format("| **{}** | | |\n", option.group);
    group = option.group;
    std::string name = "--" + option.name;
    if (!option.value_name.empty()) name += " " + option.value_name;
    if (option.repeatable) name += "...";
    text += fmt::format("| `{}` | {} | {} |\n", name, option.default_text, option.help);
  }
  return text;
}

TEST(OptionDocuments, ThePageOfOptionsHasTheTable) {
  std::ifstream file(CACHEY_SOURCE_DIR "/docs/options.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_NE((page.str() + "\n").find("\n\n" + markdown_table() + "\n"), std::string::npos)
      << "the table must be:\n"
      << markdown_table();
}

}  // namespace
}  // namespace cachey::app
