#include "app/token_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/read_file.h"

namespace cachey::app {

Result<api::Tokens> read_token_file(const std::string& path) {
  const auto refuse = [&path](const std::string& why) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("--auth-tokens: {}: {}", log::quoted(path), why));
  };
  struct stat about{};
  const bool known = ::stat(path.c_str(), &about) == 0;
  if (known && !S_ISREG(about.st_mode)) return refuse("is no file");
  const Result<std::string> text = read_file_start(path, api::Tokens::kTextBytesMax + 1);
  if (!text) return refuse(text.error().message());
  if (known && (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    log::warn("others than the owner can read the tokens", {{"file", path}});
  }
  Result<api::Tokens> tokens = api::Tokens::parse(*text);
  if (!tokens) return refuse(tokens.error().message());
  return tokens;
}

}  // namespace cachey::app
