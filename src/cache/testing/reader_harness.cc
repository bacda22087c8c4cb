#include "cache/testing/reader_harness.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <span>
#include <thread>
#include <utility>

#include "base/check.h"
#include "store/s3_fifo.h"

namespace cachey::cache {

using namespace std::chrono_literals;

namespace {

/// A busy machine's disk may be slower than the fake origin.
FillConfig without_bypass(FillConfig fills) {
  fills.disk_bypass = false;
  return fills;
}

}  // namespace

ReaderHarness::ReaderHarness(uint64_t memory, FillConfig fills,
                             std::optional<store::DiskTierConfig> disk, Index index,
                             MayHave may_have)
    : memory_(memory_config(memory), std::make_unique<store::S3Fifo>(), clock_),
      device_(disk ? kDiskBytes : store::kUnitBytes),
      disk_(open_disk(disk, index)),
      cache_(without_bypass(fills), origin::ReadContext{origin_, buckets_, gate_, read_metrics_},
             memory_, cache_metrics_, clock_, disk_.get(), std::move(may_have), PageSizes{},
             &pins_) {
  memory_.keep_by(&pins_);
  workers_.start();
}

ReaderHarness::~ReaderHarness() {
  device_.release();
  settle();
  workers_.stop_and_join();
}

store::MemoryTierConfig ReaderHarness::memory_config(uint64_t limit) {
  store::MemoryTierConfig config;
  config.limit_bytes = limit;
  config.admission_timeout = 300ms;
  config.reader_patience = 100ms;
  return config;
}

std::unique_ptr<store::DiskTier> ReaderHarness::open_disk(
    const std::optional<store::DiskTierConfig>& config, Index index) {
  if (!config) return nullptr;
  store::DiskTierConfig with_pins = *config;
  with_pins.pins = &pins_;
  auto opened =
      store::DiskTier::open(device_, with_pins, store::DiskTier::Start::kKeep, clock_, random_);
  CHECK(opened.has_value());
  if (index == Index::kRead) (*opened)->recover();
  return std::move(*opened);
}

std::shared_ptr<FetchSpec> ReaderHarness::spec(std::string object,
                                               std::vector<std::string> buckets) {
  auto made = std::make_shared<FetchSpec>();
  made->key = ObjectKey{"k", std::move(object)};
  made->buckets = std::move(buckets);
  made->metrics = &cache_metrics_.of("k");
  return made;
}

std::future<Got> ReaderHarness::read(FetchSpecPtr of, ByteRange range, uint64_t seed,
                                     RangeReader::Use use) {
  std::promise<Got> promise;
  std::future<Got> future = promise.get_future();
  rt::Worker& worker = workers_[next_++ % workers_.size()];
  rt::asio::co_spawn(worker.io(),
                     client(worker, std::move(of), range, seed, use, std::move(promise)),
                     rt::asio::detached);
  return future;
}

rt::Task<void> ReaderHarness::client(rt::Worker& worker, FetchSpecPtr of, ByteRange range,
                                     uint64_t seed, RangeReader::Use use,
                                     std::promise<Got> promise) {
  Got got;
  {
    RangeReader reader(cache_, worker, std::move(of), range, use);
    reader.keep_statuses();
    std::optional<Result<void>> opened = reader.try_open();
    if (!opened) opened = co_await reader.open();
    if (*opened) {
      got.opened = true;
      got.range = reader.range();
      got.size = reader.source().info.size;
      got.first_cached_at = reader.first_cached_at();
      got.tier = reader.tier();
      got.first_bucket = reader.source().bucket;
      if (use == RangeReader::Use::kBody) co_await take_body(reader, seed, got);
    } else {
      got.error = opened->error();
    }
  }
  promise.set_value(std::move(got));
}

rt::Task<void> ReaderHarness::take_body(RangeReader& reader, uint64_t seed, Got& got) {
  uint64_t at = got.range.begin;
  while (!reader.at_end()) {
    iovec parts[32];
    const size_t count = reader.pin(parts);
    if (count == 0) {
      Result<void> more = co_await reader.wait();
      if (more) continue;
      got.error = more.error();
      break;
    }
    uint64_t taken = 0;
    for (const iovec& part : std::span(parts, count)) {
      const auto* bytes = static_cast<const std::byte*>(part.iov_base);
      for (size_t i = 0; i < part.iov_len; i += 509) {  // every 509th byte, and the last one
        got.right &= bytes[i] == origin::object_byte(seed, at + taken + i);
      }
      taken += part.iov_len;
      got.right &= bytes[part.iov_len - 1] == origin::object_byte(seed, at + taken - 1);
    }
    at += taken;
    got.bytes += taken;
    reader.release(taken);
  }
  got.later_pages = reader.later_statuses().size();
}

std::future<ReaderHarness::Seen> ReaderHarness::ask(rt::Task<Seen> question) {
  std::promise<Seen> seen;
  std::future<Seen> future = seen.get_future();
  rt::asio::co_spawn(workers_[0].io(), keep(std::move(question), std::move(seen)),
                     rt::asio::detached);
  return future;
}

rt::Task<void> ReaderHarness::keep(rt::Task<Seen> question, std::promise<Seen> seen) {
  Seen result = co_await std::move(question);
  seen.set_value(std::move(result));
}

std::future<bool> ReaderHarness::flush(std::chrono::milliseconds limit) {
  std::promise<bool> promise;
  std::future<bool> future = promise.get_future();
  rt::asio::co_spawn(workers_[0].io(), run_flush(clock_.mono() + limit, std::move(promise)),
                     rt::asio::detached);
  return future;
}

rt::Task<void> ReaderHarness::run_flush(MonoTime deadline, std::promise<bool> done) {
  const bool durable = co_await cache_.disk_writes().flush(workers_[0], deadline);
  done.set_value(durable);
}

void ReaderHarness::settle() {
  while (true) {
    std::atomic<size_t> tasks{0};
    workers_.run_on_each([&tasks](rt::Worker& worker) { tasks += worker.tasks().size(); });
    if (tasks == 0) return;
    std::this_thread::sleep_for(1ms);
  }
}

std::vector<ByteRange> ReaderHarness::newly_asked() {
  std::vector<ByteRange> ranges;
  const auto asked = origin_.asked();
  for (; seen_ < asked.size(); ++seen_) ranges.push_back(asked[seen_].range);
  return ranges;
}

std::vector<uint64_t> ReaderHarness::newly_fetched() {
  std::vector<uint64_t> pages;
  for (const ByteRange& range : newly_asked()) pages.push_back(range.begin / kPageBytes);
  return pages;
}

void ReaderHarness::expect_whole(const Got& got, ByteRange range) {
  EXPECT_FALSE(got.error.has_value()) << got.error->message();
  EXPECT_EQ(got.range, range);
  EXPECT_EQ(got.bytes, range.size());
  EXPECT_TRUE(got.right);
}

}  // namespace cachey::cache
