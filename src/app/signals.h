#pragma once

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "rt/io.h"

namespace cachey::app {

/// Waits for SIGINT or SIGTERM. Meanwhile runs a function each second, and on SIGHUP the reloads. A
/// second SIGINT or SIGTERM at any later time ends the process at once. Owned by Process. Runs on
/// main's thread, after watch_for_second() on a thread of its own.
class Signals {
 public:
  /// Reads something again. Returns a text about the result for the log. After an error the old
  /// state stays.
  using Reload = std::function<Result<std::string>()>;

  /// Called around the reloads of a SIGHUP: before the first, and after the last with the names of
  /// those that failed, separated by commas.
  struct Around {
    std::function<void()> begin = [] {};
    std::function<void(const std::string& failed)> end = [](const std::string&) {};
  };

  explicit Signals(std::function<void()> every_second);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// From now on SIGHUP runs `reload` too, until a shutdown begins. `what` is for the log.
  void on_reload(std::string_view what, Reload reload);

  void around_reloads(Around around) { around_ = std::move(around); }

  void wait_for_first();
  /// False: `limit` is over.
  [[nodiscard]] bool wait_for_first(std::chrono::milliseconds limit);

  /// Goes on for `limit` as before the first signal, SIGHUP included.
  void run_for(std::chrono::milliseconds limit);

  /// From now on signals are handled on a background thread. SIGHUP reloads nothing any more.
  void watch_for_second();

 private:
  struct NamedReload {
    std::string what;
    Reload run;
  };

  void wait_for_end();
  void wait_for_hangup();
  void reload_all();
  void tick();

  const std::function<void()> every_second_;
  std::vector<NamedReload> reloads_;
  Around around_;
  rt::asio::io_context io_{1};
  rt::asio::signal_set end_signals_{io_, SIGINT, SIGTERM};
  rt::asio::signal_set hangup_signal_{io_, SIGHUP};
  rt::SteadyTimer timer_{io_.get_executor()};
  bool signalled_ = false;
  std::thread watcher_;
};

}  // namespace cachey::app
