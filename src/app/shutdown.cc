#include "app/shutdown.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

namespace cachey::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kTaskPoll = 20ms;
constexpr auto kFlushGrace = 500ms;  // past its deadline

rt::Task<void> flush_to_disk(rt::Worker& worker, cache::Cache& cache, MonoTime deadline,
                             std::promise<bool> done) {
  const bool durable = co_await cache.disk_writes().flush(worker, deadline);
  done.set_value(durable);
}

}  // namespace

bool wait_for_tasks(rt::Workers& workers, std::chrono::milliseconds limit, const Clock& clock) {
  const MonoTime deadline = clock.mono() + limit;
  while (true) {
    std::atomic<size_t> tasks{0};
    workers.run_on_each([&tasks](rt::Worker& worker) { tasks += worker.tasks().size(); });
    if (tasks == 0) return true;
    if (clock.mono() > deadline) return false;
    std::this_thread::sleep_for(kTaskPoll);
  }
}

std::future<bool> start_disk_flush(rt::Worker& worker, cache::Cache& cache, MonoTime deadline) {
  std::promise<bool> done;
  std::future<bool> durable = done.get_future();
  rt::asio::post(worker.io(), [&worker, &cache, deadline, done = std::move(done)]() mutable {
    worker.tasks().spawn(flush_to_disk(worker, cache, deadline, std::move(done)));
  });
  return durable;
}

bool wait_for_flush(std::future<bool>& flush, MonoTime deadline, const Clock& clock) {
  const auto limit = deadline - clock.mono() + kFlushGrace;
  return flush.wait_for(limit) == std::future_status::ready && flush.get();
}

}  // namespace cachey::app
