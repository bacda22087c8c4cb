#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "cache/page_table.h"
#include "rt/worker.h"
#include "store/s3_fifo.h"

namespace cachey::cache {
namespace {

/// Readers of one page that wait on a worker, while another thread fills the page.
class PageWaits : public ::testing::Test {
 protected:
  PageWaits() {
    spec_->key = ObjectKey{"k", "o"};
    spec_->buckets = {"b"};
    others_->key = spec_->key;
    others_->buckets = {"b", "c"};
    workers_.start();
  }
  ~PageWaits() override { workers_.stop_and_join(); }

  /// A page without a head.
  [[nodiscard]] PagePtr page(uint32_t index) {
    return table_.find_or_create(spec_, index, FillOrder::kFromBegin).page;
  }
  void set_head(const PagePtr& page) {
    const ObjectInfo info("\"v1\"", kObjectBytesMax, 0);
    const auto source = std::make_shared<const ObjectSource>(info, "b");
    page->set_head(table_.observe(*page, source, clock_.mono()).source);
  }

  /// Runs `work` on the worker's thread.
  void on_worker(std::move_only_function<void(rt::Worker&)> work) {
    rt::Worker& worker = workers_[0];
    boost::asio::post(worker.executor(),
                      [&worker, work = std::move(work)]() mutable { work(worker); });
  }

  [[nodiscard]] rt::Task<void> wait_head(rt::Worker& worker, PagePtr page, std::stop_token stop) {
    rt::Until until(MonoTime::max(), std::move(stop));
    (void)co_await page->wait_head(worker, *others_, std::move(until));
    ++ended_;
  }

  const SystemClock clock_;
  const std::shared_ptr<FetchSpec> spec_ = std::make_shared<FetchSpec>();
  const std::shared_ptr<FetchSpec> others_ = std::make_shared<FetchSpec>();
  store::MemoryTier memory_{store::MemoryTierConfig{.limit_bytes = 64 * kMiB},
                            std::make_unique<store::S3Fifo>(), clock_};
  PageTable table_{memory_};
  std::atomic<size_t> ended_ = 0;
  rt::Workers workers_{1, clock_};
};

TEST_F(PageWaits, ReadersLeaveWhileAnotherThreadWakesThem) {
  constexpr uint32_t kRounds = 300;
  constexpr size_t kReaders = 64;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const PagePtr filled = page(round);
    std::vector<std::stop_source> left(kReaders);
    std::atomic<bool> all_wait = false;
    std::atomic<bool> waking = false;
    on_worker([this, filled, round, &left, &all_wait, &waking](rt::Worker& worker) {
      for (std::stop_source& one : left) {
        worker.tasks().spawn(wait_head(worker, filled, one.get_token()));
      }
      all_wait = true;
      while (!waking) std::this_thread::yield();
      for (std::atomic<uint32_t> pause = 0; pause < round % 100 * 20;) ++pause;
      for (std::stop_source& one : std::views::reverse(left)) one.request_stop();
    });
    while (!all_wait) std::this_thread::yield();
    waking = true;
    set_head(filled);
    while (ended_ != kReaders * (round + 1)) std::this_thread::yield();
    EXPECT_FALSE(filled->has_others_waiting());
    filled->fail(Error(ErrorKind::kUpstream, "the test is over"));
  }
}

}  // namespace
}  // namespace cachey::cache
