#include "app/token_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/read_file.h"

namespace cachey::app {
namespace {

constexpr int kReadsMax = 10;
constexpr std::chrono::milliseconds kPause{100};

Result<std::string> read_text(const std::string& path) {
  return read_file_start(path, api::Tokens::kTextBytesMax + 1);
}

/// The text, once nobody is in the middle of its last line.
Result<std::string> read_at_rest(const std::string& path, const std::function<void()>& pause) {
  Result<std::string> text = read_text(path);
  for (int reads = 1; text && !text->empty() && !text->ends_with('\n'); ++reads) {
    if (reads == kReadsMax)
      return fail(ErrorKind::kBadRequest, "changes while it is read; replace it by a rename");
    pause();
    Result<std::string> again = read_text(path);
    if (again && *again == *text) return text;
    text = std::move(again);
  }
  return text;
}

}  // namespace

void pause_between_reads() { std::this_thread::sleep_for(kPause); }

Result<api::Tokens> read_token_file(const std::string& path, const std::function<void()>& pause) {
  const auto refuse = [&path](const std::string& why) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("--auth-tokens: {}: {}", log::quoted(path), why));
  };
  struct stat about{};
  const bool known = ::stat(path.c_str(), &about) == 0;
  if (known && !S_ISREG(about.st_mode)) return refuse("is no file");
  const Result<std::string> text = read_at_rest(path, pause);
  if (!text) return refuse(text.error().message());
  if (known && (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    log::warn("others than the owner can read the tokens", {{"file", path}});
  }
  Result<api::Tokens> tokens = api::Tokens::parse(*text);
  if (!tokens) return refuse(tokens.error().message());
  return tokens;
}

}  // namespace cachey::app
