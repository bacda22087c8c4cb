#include "app/probe_target.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <expected>

#include "app/options/machine.h"
#include "base/read_file.h"
#include "base/units.h"

namespace cachey::app {
namespace {

constexpr const char* kFirstProcess = "/proc/1/cmdline";
constexpr size_t kCmdlineBytesMax = 2 * kMiB;  // Linux's own limit of a command line by default

/// The address for clients of this machine: loopback, if the server listens at all addresses.
std::string reachable(const std::string& ip) {
  if (ip == "0.0.0.0") return "127.0.0.1";
  return ip == "::" ? "::1" : ip;
}

}  // namespace

ProbeTarget target_of(const Options& options) {
  const ListenOption& first = options.listen.front();
  ProbeTarget target;
  target.url.tls = options.tls.enabled();
  target.url.host = reachable(first.ip);
  target.url.port = first.port.value_or(options.port);
  target.url.base_path = "/readyz";
  target.text =
      fmt::format("{}://{}:{}{}", target.url.tls ? "https" : "http",
                  origin::bracketed(target.url.host), target.url.port, target.url.base_path);
  target.connects_only = !options.tls.client_ca_file.empty() || options.server.proxy_protocol;
  return target;
}

std::vector<std::string> server_words(std::string_view cmdline) {
  std::vector<std::string> words;
  while (!cmdline.empty()) {
    const std::string_view word = cmdline.substr(0, cmdline.find('\0'));
    cmdline.remove_prefix(std::min(cmdline.size(), word.size() + 1));
    if (!words.empty() || word == "cachey" || word.ends_with("/cachey")) words.emplace_back(word);
  }
  return words;
}

Result<ProbeTarget> target_of_first_process() {
  const Result<std::string> cmdline = read_file_start(kFirstProcess, kCmdlineBytesMax);
  if (!cmdline)
    return fail(ErrorKind::kInternal,
                fmt::format("{}: {}", kFirstProcess, cmdline.error().message()));
  const std::vector<std::string> words = server_words(*cmdline);
  if (words.empty()) {
    return fail(ErrorKind::kBadRequest,
                "process 1 is no Cachey, as it is in a container: --probe needs a URL here");
  }
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  const std::expected<Options, Exit> options = parse_options(
      static_cast<int>(arguments.size()), arguments.data(), ::environ, this_machine());
  if (options) return target_of(*options);
  const std::vector<std::string>& faults = options.error().faults;
  return fail(ErrorKind::kBadRequest, "the options of process 1: " +
                                          (faults.empty() ? "it serves nobody" : faults.front()));
}

}  // namespace cachey::app
