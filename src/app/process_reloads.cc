// What SIGHUP does to a Process.
#include <boost/asio/post.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "app/pins.h"
#include "app/process.h"
#include "app/reloads.h"
#include "base/log.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

/// Waits until no other walk runs.
rt::Task<void> empty_memory(rt::Worker& worker, cache::Purges& purges) {
  constexpr auto kPause = 100ms;
  while (true) {
    std::optional<cache::Purges::Turn> turn = purges.begin(KeyScope::all());
    if (turn) {
      const bool done = co_await purges.empty_memory(worker, std::move(*turn));
      if (done) log::info("memory emptied, because --allow-bucket allows less");
      co_return;
    }
    co_await worker.timers().sleep(kPause);
  }
}

}  // namespace

void Process::add_reloads() {
  signals_.around_reloads({[this] { notices_.reloading(clock_.mono().time_since_epoch()); },
                           [this](const std::string& failed) {
                             failed_reloads_ = failed;
                             stats_.reloaded(failed);
                             tell_state();
                           }});
  if (!options_.config_file.empty()) {
    signals_.on_reload("options", [this] {
      return reload_options(
          options_, foundation_->bucket_rules, [this] { forget_memory(); },
          [this](const Options& now) { take_pins(now); });
    });
  }
  if (!options_.auth_tokens_file.empty()) {
    signals_.on_reload("tokens", [this] {
      return reload_tokens(options_.auth_tokens_file, foundation_->access,
                           foundation_->client_limiter);
    });
  }
  if (!options_.admin_tokens_file.empty()) {
    signals_.on_reload("admin tokens",
                       [this] { return reload_admin_tokens(options_, foundation_->access); });
  }
  if (!options_.s3api.keys_file.empty()) {
    signals_.on_reload("s3api-keys",
                       [this] { return reload_keys(options_.s3api.keys_file, *routes_.s3api()); });
  }
  if (options_.s3api.revalidate_is_files) {
    signals_.on_reload("s3api-revalidate",
                       [this] { return reload_rules(options_.config_file, *routes_.s3api()); });
  }
  if (tls_ != nullptr) signals_.on_reload("TLS", [this] { return reload_tls(*tls_); });
  if (!options_.access_log.empty()) {
    signals_.on_reload("access log", [this] { return reopen(access_log_, options_.access_log); });
  }
}

/// What is in memory may be of buckets that are forbidden now. Does not wait.
void Process::forget_memory() {
  rt::Worker& worker = workers_[0];
  rt::asio::post(worker.io(),
                 [this, &worker] { worker.tasks().spawn(empty_memory(worker, cache_.purges())); });
}

/// Then the cache compares its pages with the rules. Does not wait.
void Process::take_pins(const Options& now) {
  store::PinRules& rules = foundation_->pins;
  if (now.pin.empty() && rules.current() == nullptr) return;
  rules.replace(matches_of(now.pin), now.pin_limit);
  rt::Worker& worker = workers_[0];
  rt::asio::post(worker.io(),
                 [this, &worker] { worker.tasks().spawn(cache_.pins().apply(worker)); });
}

}  // namespace cachey::app
