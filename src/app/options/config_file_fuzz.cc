// Reads any bytes as a config file. Accepted settings are written, and read again with equal
// result.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/options/config_file.h"
#include "app/options/option_table.h"
#include "base/check.h"
#include "base/escape.h"

namespace {

using namespace cachey;
using namespace cachey::app;

std::vector<std::string> faults_of(std::string_view text, std::span<Option> table) {
  std::vector<std::string> faults;
  apply(read_config_text(text, "file", table), table, faults);
  return faults;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Options options;
  std::vector<Option> table = option_table(options);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& fault : faults_of(text, table)) {
    CHECK(fault.starts_with("file:") && is_utf8(fault) && !has_control(fault));
  }
  Options again;
  std::vector<Option> second = option_table(again);
  CHECK(faults_of(write_config_text(table), second).empty());
  for (size_t i = 0; i < table.size(); ++i) CHECK(table[i].get() == second[i].get());
  return 0;
}
