#include "app/given_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>

#include "app/bounded_wait.h"
#include "app/secret_files.h"
#include "base/log.h"
#include "store/disk/disk_check.h"

namespace cachey::app {
namespace {

// A disk of a machine that sleeps needs some seconds.
constexpr std::chrono::seconds kCheckPatience{5};
constexpr int kLinksMax = 40;  // as many as the kernel follows

/// What the symbolic links of the last component lead to. That need not exist.
std::filesystem::path end_of_links(const std::string& path) {
  std::filesystem::path end = std::filesystem::absolute(path);
  std::error_code error;
  for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(end, error); ++i)
    end = end.parent_path() / std::filesystem::read_symlink(end, error);
  return end;
}

}  // namespace

Result<GivenTokens> given_tokens(const Options& options) {
  Result<std::optional<api::Tokens>> clients;
  if (!options.auth_tokens_file.empty()) clients = read_token_file(options.auth_tokens_file);
  Result<std::optional<api::Tokens>> admins;
  if (!options.admin_tokens_file.empty()) admins = read_admin_token_file(options.admin_tokens_file);
  if (auto fault = joined({error_of(clients), error_of(admins)})) return std::unexpected(*fault);
  return GivenTokens{std::move(*clients), std::move(*admins)};
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
  const std::string folder = end_of_links(path).parent_path();
  const bool may = found ? ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0
                         : ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  if (may) return {};
  return refuse(std::generic_category().message(errno));
}

Result<void> check_disk(const Options& options) {
  if (options.disk_path.empty()) return {};
  const store::DiskPath path{options.disk_path, options.disk_kind, options.disk_capacity,
                             options.disk_wipe};
  const std::optional<Result<void>> answer =
      result_within(kCheckPatience, [path] { return store::check_disk_path(path); });
  const Result<void> checked =
      answer ? *answer
             : fail(ErrorKind::kInternal, log::quoted(path.path) + ": the disk does not answer");
  const bool fails = !checked && checked.error().kind() == ErrorKind::kInternal;
  if (!fails || options.disk_required) return checked;
  log::warn("disk cannot be used now, a start serves without it",
            {{"error", checked.error().message()}});
  return {};
}

std::optional<Error> joined(std::initializer_list<const Error*> errors) {
  std::optional<Error> all;
  for (const Error* error : errors) {
    if (error == nullptr) continue;
    if (!all) {
      all = *error;
      continue;
    }
    const bool wrong = error->kind() == ErrorKind::kBadRequest;
    all = Error(wrong ? error->kind() : all->kind(), all->message() + "\n" + error->message());
  }
  return all;
}

}  // namespace cachey::app
