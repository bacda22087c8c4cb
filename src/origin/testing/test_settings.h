#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/read_file.h"
#include "origin/credentials/profile.h"
#include "origin/environment.h"

namespace cachey::origin {

/// Environment variables by name, or file contents by path.
using Texts = std::map<std::string, std::string>;

inline Environment environment_of(Texts variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

inline FileReader reader_of(Texts files) {
  return
      [files = std::move(files)](const std::string& path, size_t bytes_max) -> Result<std::string> {
        const auto found = files.find(path);
        if (found == files.end()) return fail(ErrorKind::kNotFound, "no such file");
        return found->second.substr(0, bytes_max);
      };
}

}  // namespace cachey::origin
