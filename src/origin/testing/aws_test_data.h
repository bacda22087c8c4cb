#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

namespace cachey::origin {

/// The folder of AWS's own test cases: CACHEY_AWS_TEST_DATA. Tests skip them if it is not set.
inline std::optional<std::filesystem::path> aws_test_data() {
  const char* folder = std::getenv("CACHEY_AWS_TEST_DATA");
  if (folder == nullptr) return std::nullopt;
  return folder;
}

inline nlohmann::json json_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

}  // namespace cachey::origin
