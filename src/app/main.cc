// The program: `cachey` serves until a signal; `cachey disk` and --check-origin look and end.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "app/check_origin.h"
#include "app/config_check.h"
#include "app/disk_command.h"
#include "app/options/options.h"
#include "app/probe_command.h"
#include "app/process.h"
#include "app/service_notices.h"
#include "base/log.h"
#include "base/log_line.h"
#include "base/size_text.h"

namespace cachey::app {
namespace {

/// Tells of each fault in the format of the log: a line of text, or of JSON. The log may not run
/// yet.
void tell(LogFormat format, const std::string& fault) {
  if (format == LogFormat::kText) {
    std::fprintf(stderr, "cachey: %s\n", fault.c_str());
    return;
  }
  LogLine line(format);
  line.add_word("time", format_log_time(std::chrono::system_clock::now()));
  line.add_word("level", "error");
  line.add_word("event", "not started");
  line.add({"text", fault}, LogLine::kBytesMax / 2);
  std::fprintf(stderr, "%s\n", std::string(line.finish()).c_str());
}

int fail_to_start(const Options& options, const Error& error) {
  log::flush();
  std::string_view rest = error.message();  // a line for each fault
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    tell(options.log_format, std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (error.kind() == ErrorKind::kCancelled) return 0;
  return error.kind() == ErrorKind::kBadRequest ? 2 : 1;
}

ServiceManager service_manager(const ServiceVariables& variables) {
  if (variables.notify_socket.empty()) return {};
  Result<NotifySocket> socket = NotifySocket::open(variables.notify_socket);
  if (!socket) {
    log::warn("NOTIFY_SOCKET cannot be used", {{"error", socket.error().message()}});
    return {};
  }
  return {std::move(*socket), variables.watchdog};
}

int serve(const Options& options, const ServiceVariables& variables) {
  for (const std::string& warning : options.warnings) log::warn("options", {{"text", warning}});
  const Result<std::unique_ptr<Process>> process =
      Process::make(options, service_manager(variables));
  // A disk that hangs cannot be waited for.
  if (!process) std::_Exit(fail_to_start(options, process.error()));
  if (const Result<void> started = (*process)->start(); !started) {
    std::_Exit(fail_to_start(options, started.error()));
  }
  (*process)->serve();
  if (!(*process)->stop()) {
    log::flush();
    std::_Exit(0);
  }
  return 0;
}

[[noreturn]] void check(const Options& options) {
  for (const std::string& warning : options.warnings) log::warn("options", {{"text", warning}});
  const Result<void> checked = check_config(options);
  if (!checked) std::_Exit(fail_to_start(options, checked.error()));
  log::flush();
  std::puts("cachey: the configuration has no fault");
  std::_Exit(std::fflush(stdout) == 0 ? 0 : 1);
}

/// What end_for_lack() tells of. Set before the first thread.
struct Asked {
  Options options;
  std::terminate_handler usual = nullptr;
};
Asked& asked() {
  static Asked one;
  return one;
}

[[noreturn]] void end_with(const std::string& text) {
  std::_Exit(fail_to_start(asked().options, Error(ErrorKind::kOverloaded, text)));
}

/// `refused`: by EPERM, which only a filter of calls says.
[[noreturn]] void end_for_threads(bool refused, const char* what) {
  const char* const hint =
      refused ? " (a seccomp profile that answers clone3 with EPERM: Docker before 20.10.10?)" : "";
  end_with(fmt::format("the system gives too little for {} threads: {}{}", asked().options.threads,
                       what, hint));
}

/// The terminate handler: a lack of memory or threads, on any thread, is a line and an exit code.
/// Nothing is unwound, because half-started threads cannot be joined.
[[noreturn]] void end_for_lack() {
  const Options& options = asked().options;
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    end_with(
        fmt::format("there is not enough memory for --memory {} and {} threads: a smaller "
                    "--memory helps, or a higher limit (ulimit -v, vm.overcommit_memory)",
                    format_size(options.memory.limit_bytes), options.threads));
  } catch (const std::system_error& error) {
    end_for_threads(error.code() == std::errc::operation_not_permitted, error.what());
  } catch (const boost::system::system_error& error) {
    end_for_threads(error.code() == std::errc::operation_not_permitted, error.what());
  } catch (...) {
    asked().usual();  // tells of it, and ends the process
  }
  asked().usual();
  std::abort();
}

/// A container starts the server as process 1, to which the kernel delivers no signal without a
/// handler. These handlers of SIGTERM and SIGINT end the process, until Signals sets its own;
/// commands that are no server keep these.
void end_by_signals() {
  if (::getpid() != 1) return;
  for (const int number : {SIGTERM, SIGINT}) {
    std::signal(number, [](int received) { std::_Exit(128 + received); });
  }
}

int run(const Options& options, const ServiceVariables& variables) {
  if (options.check_config) check(options);
  if (!options.check_origin.empty()) return check_origin(options);
  return serve(options, variables);
}

}  // namespace
}  // namespace cachey::app

int main(int argc, char** argv) {
  cachey::app::end_by_signals();
  if (argc > 1 && std::string_view(argv[1]) == "disk") {
    return cachey::app::run_disk_command(argc - 1, argv + 1);
  }
  if (cachey::app::is_probe_command(argc, argv)) {
    std::_Exit(cachey::app::run_probe_command(argc, argv));
  }
  const auto service_variables = cachey::app::ServiceVariables::take();
  const auto options =
      cachey::app::parse_options(argc, argv, ::environ, cachey::app::this_machine());
  if (!options) {
    const cachey::app::Exit& exit = options.error();
    if (exit.code == 0) std::fputs(exit.text.c_str(), stdout);
    for (const std::string& fault : exit.faults) cachey::app::tell(exit.format, fault);
    return exit.code;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);  // other servers reopen their logs on it: it must not end this one
  using cachey::log::Level;
  Level level = options->log_level;
  if (!options->check_origin.empty()) level = Level::kError;
  if (options->check_config) level = std::max(level, Level::kWarn);
  cachey::app::asked() = {*options, std::set_terminate(cachey::app::end_for_lack)};
  cachey::log::start(level, options->log_format);
  const int code = cachey::app::run(*options, service_variables);
  cachey::log::flush();
  return code;
}
