// The tier against a model, by seeds. CACHEY_DISK_MODEL_SEEDS=100000 runs more,
// CACHEY_DISK_MODEL_FIRST=5000 others.

#include "store/testing/disk_model.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "base/testing/sanitized.h"

namespace cachey::store {
namespace {

using World = DiskModel::World;

uint32_t from_environment(const char* name, uint32_t otherwise) {
  const char* asked = std::getenv(name);
  return asked == nullptr ? otherwise : static_cast<uint32_t>(std::strtoul(asked, nullptr, 10));
}

uint32_t first_seed() { return from_environment("CACHEY_DISK_MODEL_FIRST", 1); }

/// The number of seeds of each world.
uint32_t seeds() { return from_environment("CACHEY_DISK_MODEL_SEEDS", kSanitized ? 20 : 340); }

void run_seeds(World world) {
  uint64_t hits = 0;
  uint64_t answers = 0;
  uint64_t moves = 0;
  uint64_t unread = 0;
  uint64_t refused_for_records = 0;
  uint64_t refused_for_memory = 0;
  uint64_t shrinks = 0;
  uint64_t purges = 0;
  int failed = 0;
  const uint32_t end = first_seed() + seeds();
  for (uint32_t seed = first_seed(); seed < end && failed < 5; ++seed) {
    DiskModel model(seed, world);
    model.run();
    hits += model.hits();
    answers += model.answers();
    moves += model.moves();
    unread += model.unread();
    refused_for_records += model.refused_for_records();
    refused_for_memory += model.refused_for_memory();
    shrinks += model.shrinks();
    purges += model.purges();
    if (model.wrongs().empty()) continue;
    ADD_FAILURE() << "seed " << seed << ": " << model.wrongs().front();
    ++failed;
  }
  EXPECT_GT(hits, 3u * seeds()) << "or nothing was tested";
  EXPECT_GT(answers, 3u * seeds());
  EXPECT_GT(shrinks, seeds());
  if (world != World::kEvil) EXPECT_GT(purges, seeds() / 2);
  if (world != World::kUnreadable) return;
  EXPECT_GT(moves, seeds() / 20);
  EXPECT_GT(unread, seeds() / 4);
  EXPECT_GE(refused_for_records, seeds() / 100);
  EXPECT_GE(refused_for_memory, seeds() / 100);
}

TEST(DiskModel, KeepsWhatWasDurableOverKills) { run_seeds(World::kKilled); }

TEST(DiskModel, KeepsWhatWasDurableOverLossesOfPower) { run_seeds(World::kPower); }

TEST(DiskModel, WhatWasRemovedStaysSoWhateverCouldNotBeReadOrWritten) {
  run_seeds(World::kUnreadable);
}

TEST(DiskModel, NeverGivesAWrongByteWhateverTheDeviceDoes) { run_seeds(World::kEvil); }

/// A version that the tier was never told of cannot have ended the pages of the version before.
TEST(DiskModel, HoldsNoVersionAgainstATierThatRefusedItsPage) {
  DiskModel model(1, World::kKilled);
  model.write({0, 0});
  model.flush();
  model.disk().device().die_after(0, 2);
  model.change(0);  // is not durable
  model.restart();
  model.disk().device().fail_writes(EIO, 100);
  for (int object = 1; model.disk().tier().usage().online; ++object) {
    ASSERT_LT(object, 100);
    model.write({object, 0});
  }
  model.write({0, 1});
  model.disk().device().fail_writes(0, 0);
  model.flush();
  model.restart();
  model.read({0, 0});
  EXPECT_GT(model.hits(), 0u);
  EXPECT_TRUE(model.wrongs().empty());
}

/// The batch with a removal ends late, and so does the superblock that cuts the batch off: a kill
/// shows the page again, and a loss of power may bring the removal back instead.
TEST(DiskModel, CountsNoPageAsLostIfARemovalThatHungTakesThePageAgain) {
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    DiskModel model(seed, World::kUnreadable);
    model.write({0, 0});
    model.flush();
    model.disk().device().hang_parts(
        {{.range = {0, model.disk().device().size()}, .reads = false}});
    model.change(0);
    model.flush();
    EXPECT_FALSE(model.disk().tier().usage().online);
    model.restart();
    model.restart();
    EXPECT_TRUE(model.wrongs().empty()) << "seed " << seed << ": " << model.wrongs().front();
  }
}

}  // namespace
}  // namespace cachey::store
