#include "app/signals.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/log.h"

namespace cachey::app {

using boost::system::error_code;

Signals::Signals(std::function<void()> every_second) : every_second_(std::move(every_second)) {
  wait_for_end();
  wait_for_hangup();
  tick();
}

Signals::~Signals() {
  io_.stop();
  if (watcher_.joinable()) watcher_.join();
  hangup_signal_.clear();
  std::signal(SIGHUP, SIG_IGN);  // one that comes this late must not end the process
}

void Signals::on_reload(std::string_view what, Reload reload) {
  reloads_.push_back({std::string(what), std::move(reload)});
}

void Signals::wait_for_first() {
  while (!signalled_) io_.run_one();
}

bool Signals::wait_for_first(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!signalled_ && io_.run_one_until(deadline) > 0) continue;
  return signalled_;
}

void Signals::run_for(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (io_.run_one_until(deadline) > 0) continue;
}

void Signals::watch_for_second() {
  reloads_.clear();  // the parts that they reload do not outlive the shutdown
  watcher_ = std::thread([this] { io_.run(); });
}

void Signals::wait_for_end() {
  end_signals_.async_wait([this](const error_code& error, int) {
    if (error) return;
    if (std::exchange(signalled_, true)) {
      log::warn("second signal, ending at once");
      log::flush();
      std::_Exit(1);
    }
    wait_for_end();
  });
}

void Signals::wait_for_hangup() {
  hangup_signal_.async_wait([this](const error_code& error, int) {
    if (error) return;
    reload_all();
    wait_for_hangup();
  });
}

void Signals::reload_all() {
  around_.begin();
  std::string failed;
  if (reloads_.empty()) log::info("reload: nothing to read again");
  for (const NamedReload& reload : reloads_) {
    const Result<std::string> done = reload.run();
    if (done) {
      log::info("reloaded", {{"what", reload.what}, {"now", *done}});
    } else {
      log::error("reload failed, what was read before stays",
                 {{"what", reload.what}, {"error", done.error().message()}});
      failed += (failed.empty() ? "" : ", ") + reload.what;
    }
  }
  around_.end(failed);
}

void Signals::tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    every_second_();
    tick();
  });
}

}  // namespace cachey::app
