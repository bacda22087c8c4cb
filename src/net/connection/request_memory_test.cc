#include "net/connection/request_memory.h"

#include <gtest/gtest.h>

#include <deque>

namespace cachey::net {
namespace {

constexpr size_t kOwn = 24'000;
constexpr size_t kRequest = 5'000;

/// Takes requests until one is refused. Returns how many were not.
size_t fill(RequestMemory::Share& share) {
  size_t count = 0;
  while (share.take(kRequest)) ++count;
  return count;
}

TEST(RequestMemory, OneConnectionTakesAPartOfWhatIsFree) {
  RequestMemory memory;
  RequestMemory::Share share(memory, kOwn);
  const size_t count = fill(share);
  EXPECT_EQ(share.bytes(), count * kRequest);
  EXPECT_EQ(memory.bytes(), share.bytes());
  EXPECT_NEAR(static_cast<double>(share.bytes()), RequestMemory::kBytesMax / 33.0, kRequest);
  share.give_back(share.bytes());
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(RequestMemory, ManyGreedyConnectionsLeaveRoomForOthers) {
  RequestMemory memory;
  std::deque<RequestMemory::Share> greedy;
  for (size_t i = 0; i < 64; ++i) fill(greedy.emplace_back(memory, kOwn));
  {
    RequestMemory::Share other(memory, kOwn);
    EXPECT_GE(fill(other), 50u);
    other.give_back(other.bytes());
  }
  for (int round = 0; round < 10; ++round) {  // as places become free, all ask again
    for (RequestMemory::Share& share : greedy) share.give_back(kRequest);
    for (RequestMemory::Share& share : greedy) fill(share);
  }
  EXPECT_LT(memory.bytes(), RequestMemory::kBytesMax);
  RequestMemory::Share other(memory, kOwn);
  EXPECT_GE(fill(other), 64u);
  for (RequestMemory::Share& share : greedy) share.give_back(share.bytes());
  other.give_back(other.bytes());
}

TEST(RequestMemory, EveryConnectionHasRoomForOneRequest) {
  RequestMemory memory;
  std::deque<RequestMemory::Share> greedy;
  for (size_t i = 0; i < 20'000; ++i) fill(greedy.emplace_back(memory, kOwn));
  EXPECT_GE(greedy.back().bytes(), kOwn - kRequest);
  EXPECT_FALSE(greedy.back().take(kOwn));
  for (RequestMemory::Share& share : greedy) share.give_back(share.bytes());
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace cachey::net
