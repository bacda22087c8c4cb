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
#include "cache/testing/virtual_cache.h"

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr int kObjects = 100;  // with long names: a listing has more than the bytes without a turn

class ObjectsPageTest : public ::testing::Test, protected cache::VirtualCache {
 protected:
  ObjectsPageTest() {
    for (int i = 0; i < kObjects; ++i) {
      const std::string name = std::to_string(i) + std::string(900, 'x');
      origin_.put("b", name, {.size = 9, .etag = "\"v1\""});
      EXPECT_TRUE(world_.run(open(spec(name), {0, 9})).has_value());
    }
  }
  ~ObjectsPageTest() override { settle(); }

  std::shared_ptr<std::optional<bool>> ask(net::ResponseWriter& writer) {
    return world_.start(answer(writer));
  }

 private:
  rt::Task<bool> answer(net::ResponseWriter& writer) {
    const net::Request request(net::Method::kGet, "/admin/objects", {});
    const std::optional<Permit> permit = access_.admit(Scope::kClient, request);
    co_await page_.handle(world_.worker(), request, *permit, writer);
    co_return true;
  }

  Access access_{metrics_, std::nullopt, {}};
  ObjectsPage page_{cache_};
};

TEST_F(ObjectsPageTest, AClientThatIsSlowHasTheTurnForALimitedTime) {
  StuckWriter stuck(world_.worker());
  const auto stuck_ended = ask(stuck);
  world_.pass(1s);
  ASSERT_TRUE(stuck.is_waiting);
  RecordingWriter early;
  (void)ask(early);
  world_.pass(1s);
  EXPECT_EQ(early.status, 409u);

  world_.pass(ObjectsPage::kReadTime - 3s);
  EXPECT_FALSE(stuck.is_aborted);
  world_.pass(2s);
  EXPECT_TRUE(stuck.is_aborted);
  EXPECT_TRUE(*stuck_ended);
  RecordingWriter later;
  (void)ask(later);
  world_.pass(1s);
  EXPECT_EQ(later.status, 200u);
  EXPECT_THAT(later.text, HasSubstr("\"key\":\"99x"));
}

TEST_F(ObjectsPageTest, AClientThatLeavesTheLastPieceKeepsNeitherTurnNorMemory) {
  const int64_t charged = memory_.charged_bytes();
  StuckWriter stuck(world_.worker());
  stuck.room = 64 * kKiB;
  (void)ask(stuck);
  world_.pass(1s);
  ASSERT_TRUE(stuck.is_waiting);
  EXPECT_EQ(memory_.charged_bytes(), charged);
  RecordingWriter other;
  (void)ask(other);
  world_.pass(1s);
  EXPECT_EQ(other.status, 200u);
  EXPECT_EQ(memory_.charged_bytes(), charged);
}

TEST(ObjectsPage, ALongListingHasMoreTimeButNotWithoutEnd) {
  EXPECT_EQ(ObjectsPage::read_time(0), ObjectsPage::kReadTime);
  EXPECT_EQ(ObjectsPage::read_time(cache::Inspection::kListingBytesMax),
            ObjectsPage::kReadTime + 64s);
}

}  // namespace
}  // namespace cachey::api
