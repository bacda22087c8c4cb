#include "app/secret_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/read_file.h"

namespace cachey::app {
namespace {

constexpr const char* kReadableTokens = "others than the owner can read the tokens";

constexpr int kReadsMax = 10;
constexpr std::chrono::milliseconds kPause{100};

/// The text, once nobody is in the middle of its last line.
Result<std::string> read_at_rest(const std::string& path, size_t bytes_max,
                                 const std::function<void()>& pause) {
  Result<std::string> text = read_file_start(path, bytes_max);
  for (int reads = 1; text && !text->empty() && !text->ends_with('\n'); ++reads) {
    if (reads == kReadsMax)
      return fail(ErrorKind::kBadRequest, "changes while it is read; replace it by a rename");
    pause();
    Result<std::string> again = read_file_start(path, bytes_max);
    if (again && *again == *text) return text;
    text = std::move(again);
  }
  return text;
}

/// What `Secrets` parses of the file. `readable`: logged if others than the owner can read the
/// file.
template <typename Secrets>
Result<Secrets> read_secrets(std::string_view option, log::Event readable, const std::string& path,
                             const std::function<void()>& pause) {
  const auto refuse = [option, &path](const std::string& why) {
    return fail(ErrorKind::kBadRequest, fmt::format("{}: {}: {}", option, log::quoted(path), why));
  };
  struct stat about{};
  const bool known = ::stat(path.c_str(), &about) == 0;
  if (known && !S_ISREG(about.st_mode)) return refuse("is no file");
  const Result<std::string> text = read_at_rest(path, Secrets::kTextBytesMax + 1, pause);
  if (!text) return refuse(text.error().message());
  if (known && (about.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    log::warn(readable, {{"file", path}});
  }
  Result<Secrets> secrets = Secrets::parse(*text);
  if (!secrets) return refuse(secrets.error().message());
  return secrets;
}

}  // namespace

void pause_between_reads() { std::this_thread::sleep_for(kPause); }

Result<api::Tokens> read_token_file(const std::string& path, const std::function<void()>& pause) {
  return read_secrets<api::Tokens>("--auth-tokens", kReadableTokens, path, pause);
}

Result<api::Tokens> read_admin_token_file(const std::string& path,
                                          const std::function<void()>& pause) {
  return read_secrets<api::Tokens>("--admin-tokens", kReadableTokens, path, pause);
}

Result<api::s3::AccessKeys> read_key_file(const std::string& path,
                                          const std::function<void()>& pause) {
  auto keys = read_secrets<api::s3::AccessKeys>(
      "--s3api-keys", "others than the owner can read the access keys", path, pause);
  if (keys && keys->writers() > 0) {
    log::warn("write does nothing: the S3 endpoint is read-only",
              {{"file", path}, {"keys", keys->writers()}});
  }
  return keys;
}

}  // namespace cachey::app
