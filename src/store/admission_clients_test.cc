// Clients of one bucket.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "rt/testing/virtual_worker.h"
#include "store/admission.h"

namespace cachey::store {
namespace {

using AskedByClient = std::shared_ptr<std::optional<Result<Admission>>>;

class AdmissionsOfClients : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kTimeout{200};
  static constexpr size_t kPlaces = 20;

  void TearDown() override { world_.pass(kTimeout + 2 * rt::TimerWheel::kTick); }

  AskedByClient ask(const std::string& client, uint64_t bytes) {
    return world_.start(admissions_.admit(world_.worker(), "bucket", bytes,
                                          std::chrono::nanoseconds::max(), client));
  }
  std::vector<Admission> take_all(const std::string& client, uint64_t bytes) {
    std::vector<Admission> held;
    while (auto admission = admissions_.try_admit({"bucket", client}, bytes)) {
      held.push_back(std::move(*admission));
    }
    return held;
  }
  static bool admitted(const AskedByClient& asked) { return *asked && (*asked)->has_value(); }

  uint64_t limit_ = 100 * kMiB;
  rt::VirtualWorker world_;
  Admissions admissions_{{kTimeout, kPlaces}, [this] { return limit_; }, world_.clock()};
};

TEST_F(AdmissionsOfClients, OneLeavesRoomInItsBucketToOthers) {
  const std::vector<Admission> busy = take_all("busy", kMiB);
  EXPECT_GE(busy.size(), 70u);
  EXPECT_LE(busy.size(), 77u);
  EXPECT_GE(take_all("other", kMiB).size(), 1u);
  EXPECT_TRUE(admissions_.try_admit("another bucket", kMiB));
}

TEST_F(AdmissionsOfClients, AloneOneMayTakeAllThatIsFree) {
  limit_ = kPageBytes;
  EXPECT_TRUE(admissions_.try_admit({"bucket", "client"}, kPageBytes));
}

TEST_F(AdmissionsOfClients, ManyTogetherTakeNoMoreThanTheirBucketMay) {
  std::vector<Admission> held;
  for (int i = 0; i < 1000; ++i) {
    auto admission = admissions_.try_admit({"bucket", std::to_string(i)}, kMiB);
    if (admission) held.push_back(std::move(*admission));
  }
  EXPECT_EQ(held.size(), 80u);
}

TEST_F(AdmissionsOfClients, OneWithNothingIsNextWhoeverCameFirst) {
  limit_ = 10 * kMiB;
  std::vector<Admission> busy = take_all("busy", kMiB);
  std::vector<AskedByClient> queue;
  for (int i = 0; i < 10; ++i) queue.push_back(ask("busy", kMiB));
  const AskedByClient honest = ask("honest", 2 * kMiB);
  busy.pop_back();
  world_.pass(rt::TimerWheel::kTick);
  busy.pop_back();
  world_.pass(rt::TimerWheel::kTick);
  EXPECT_TRUE(admitted(honest));
}

TEST_F(AdmissionsOfClients, AQueueIsNeverOneClientsAlone) {
  limit_ = kMiB;
  const std::vector<Admission> all = take_all("busy", kMiB);
  std::vector<AskedByClient> queue;
  for (size_t i = 0; i < kPlaces; ++i) queue.push_back(ask("busy", kMiB));
  world_.pass(std::chrono::milliseconds(0));
  EXPECT_GT(admissions_.refused(Admissions::Refusal::kTooMany), 0u);
  const uint64_t before = admissions_.refused();
  (void)ask("honest", kMiB);
  world_.pass(std::chrono::milliseconds(0));
  EXPECT_EQ(admissions_.refused(), before);
}

TEST_F(AdmissionsOfClients, AreForgottenWithTheirLastByte) {
  {
    const auto one = admissions_.try_admit({"bucket", "one"}, kMiB);
    const auto two = admissions_.try_admit({"bucket", "two"}, kMiB);
    EXPECT_EQ(admissions_.buckets(), 1u);
  }
  EXPECT_EQ(admissions_.buckets(), 0u);
  EXPECT_EQ(admissions_.admitted_bytes(), 0u);
}

}  // namespace
}  // namespace cachey::store
