#include "api/objects_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/testing/recording_writer.h"
#include "api/testing/stuck_writer.h"
#include "cache/range_reader.h"
#include "origin/testing/fake_origin.h"
#include "rt/testing/virtual_worker.h"
#include "store/s3_fifo.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr int kObjects = 100;  // with long names: a listing has more than the bytes without a turn

class ObjectsPageTest : public ::testing::Test {
 protected:
  ObjectsPageTest() {
    for (int i = 0; i < kObjects; ++i) {
      const std::string name = std::to_string(i) + std::string(900, 'x');
      origin_.put("k", name, {.size = 9, .etag = "\"v1\""});
      EXPECT_TRUE(virtual_.run(bring_in(name)));
    }
  }
  ~ObjectsPageTest() override {
    while (virtual_.worker().tasks().size() > 0) virtual_.pass(100ms);
  }

  std::shared_ptr<std::optional<bool>> ask(net::ResponseWriter& writer) {
    return virtual_.start(answer(writer));
  }

  rt::VirtualWorker virtual_;

 private:
  rt::Task<bool> bring_in(std::string name) {
    auto spec = std::make_shared<cache::FetchSpec>();
    spec->key = cache::ObjectKey{"k", std::move(name)};
    spec->buckets = {"k"};
    spec->metrics = &cache_metrics_.of("k");
    cache::RangeReader reader(cache_, virtual_.worker(), std::move(spec), {0, 9},
                              cache::RangeReader::Use::kBody);
    const Result<void> opened = co_await reader.open();
    co_return opened.has_value();
  }
  rt::Task<bool> answer(net::ResponseWriter& writer) {
    const net::Request request(net::Method::kGet, "/admin/objects", {});
    const std::optional<Permit> permit = access_.admit(Scope::kClient, request);
    co_await page_.handle(virtual_.worker(), request, *permit, writer);
    co_return true;
  }

  Metrics metrics_;
  Access access_{metrics_, std::nullopt, {}};
  origin::FakeOrigin origin_;
  origin::Buckets buckets_{0.99, virtual_.clock(), metrics_};
  origin::Gate gate_{origin::GateLimits{}, virtual_.clock(), metrics_};
  origin::ReadMetrics read_metrics_{metrics_};
  cache::CacheMetrics cache_metrics_{metrics_, 10};
  store::MemoryTier memory_{store::MemoryTierConfig{.limit_bytes = 256 * kMiB},
                            std::make_unique<store::S3Fifo>(), virtual_.clock()};
  cache::Cache cache_{cache::FillConfig{},
                      origin::ReadContext{origin_, buckets_, gate_, read_metrics_}, memory_,
                      cache_metrics_, virtual_.clock()};
  ObjectsPage page_{cache_};
};

TEST_F(ObjectsPageTest, AClientThatIsSlowHasTheTurnForALimitedTime) {
  StuckWriter stuck(virtual_.worker());
  const auto stuck_ended = ask(stuck);
  virtual_.pass(1s);
  ASSERT_TRUE(stuck.is_waiting);
  RecordingWriter early;
  (void)ask(early);
  virtual_.pass(1s);
  EXPECT_EQ(early.status, 409u);

  virtual_.pass(ObjectsPage::kReadTime - 3s);
  EXPECT_FALSE(stuck.is_aborted);
  virtual_.pass(2s);
  EXPECT_TRUE(stuck.is_aborted);
  EXPECT_TRUE(*stuck_ended);
  RecordingWriter later;
  (void)ask(later);
  virtual_.pass(1s);
  EXPECT_EQ(later.status, 200u);
  EXPECT_THAT(later.text, HasSubstr("\"key\":\"99x"));
}

}  // namespace
}  // namespace cachey::api
