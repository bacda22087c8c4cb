#include "app/given_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "app/secret_files.h"
#include "base/log.h"
#include "store/disk/disk_check.h"

namespace cachey::app {

Result<std::optional<api::Tokens>> given_tokens(const Options& options) {
  if (options.auth_tokens_file.empty()) return std::nullopt;
  return read_token_file(options.auth_tokens_file);
}

Result<std::optional<api::s3::AccessKeys>> given_keys(const Options& options) {
  if (options.s3api.keys_file.empty()) return std::nullopt;
  return read_key_file(options.s3api.keys_file);
}

Result<std::shared_ptr<net::tls::Contexts>> given_tls(const Options& options, const Clock& clock) {
  if (!options.tls.enabled()) return nullptr;
  return net::tls::Contexts::load(options.tls, clock);
}

Result<void> check_access_log(const Options& options) {
  const std::string& path = options.access_log;
  if (path.empty() || path == "-") return {};
  const auto refuse = [&path](const std::string& why) {
    return fail(ErrorKind::kBadRequest,
                fmt::format("--access-log: {}: {}", log::quoted(path), why));
  };
  struct stat status{};
  const bool found = ::stat(path.c_str(), &status) == 0;
  if (found && S_ISDIR(status.st_mode)) return refuse(std::generic_category().message(EISDIR));
  const std::string folder = std::filesystem::absolute(path).parent_path();
  const bool may = found ? ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0
                         : ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  if (may) return {};
  return refuse(std::generic_category().message(errno));
}

Result<void> check_disk(const Options& options) {
  if (options.disk_path.empty()) return {};
  return store::check_disk_path(
      {options.disk_path, options.disk_kind, options.disk_capacity, options.disk_wipe});
}

std::optional<Error> joined(std::initializer_list<const Error*> errors) {
  std::optional<Error> all;
  for (const Error* error : errors) {
    if (error == nullptr) continue;
    all = all ? Error(all->kind(), all->message() + "\n" + error->message()) : *error;
  }
  return all;
}

}  // namespace cachey::app
