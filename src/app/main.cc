// The program: `cachey` serves until a signal; `cachey disk` and --check-origin look and end.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "app/check_origin.h"
#include "app/disk_command.h"
#include "app/options/options.h"
#include "app/process.h"
#include "base/log.h"

namespace cachey::app {
namespace {

int fail_to_start(const Error& error) {
  log::flush();
  std::fprintf(stderr, "cachey: %s\n", error.message().c_str());
  if (error.kind() == ErrorKind::kCancelled) return 0;
  return error.kind() == ErrorKind::kBadRequest ? 2 : 1;
}

int serve(const Options& options) {
  for (const std::string& warning : options.warnings) log::warn("options", {{"text", warning}});
  const Result<std::unique_ptr<Process>> process = Process::make(options);
  if (!process) return fail_to_start(process.error());
  if (const Result<void> started = (*process)->start(); !started) {
    std::_Exit(fail_to_start(started.error()));  // a disk that hangs cannot be waited for
  }
  (*process)->serve();
  if (!(*process)->stop()) {
    log::flush();
    std::_Exit(0);
  }
  return 0;
}

}  // namespace
}  // namespace cachey::app

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "disk") {
    return cachey::app::run_disk_command(argc - 1, argv + 1);
  }
  const auto options = cachey::app::parse_options(argc, argv, ::environ);
  if (!options) {
    std::fputs(options.error().text.c_str(), options.error().code == 0 ? stdout : stderr);
    return options.error().code;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const bool checks = !options->check_origin.empty();
  cachey::log::start(checks ? cachey::log::Level::kError : options->log_level, options->log_format);
  const int code = checks ? cachey::app::check_origin(*options) : cachey::app::serve(*options);
  cachey::log::flush();
  return code;
}
