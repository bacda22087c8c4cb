#include "cache/object_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace cachey::cache {
namespace {

/// Writes a number into the entry, as the size of its version.
void mark(IndexedObject& object, uint64_t number) {
  auto source = std::make_shared<ObjectSource>();
  source->info.size = number;
  ObjectSourcePtr made = std::move(source);
  (void)object.versions.observe(made, MonoTime(), "");
}

uint64_t mark_of(const IndexedObject& object) { return object.versions.ruling()->info.size; }

TEST(SharedKey, KeepsKindAndObjectApart) {
  const SharedKey::Ptr key = SharedKey::make({"ab", "c"});
  EXPECT_EQ(key->view(), (KeyView{"ab", "c"}));
  EXPECT_NE(key->view(), (KeyView{"a", "bc"}));
  EXPECT_EQ(SharedKey::make({"", std::string(1024, 'x')})->view().object.size(), 1024u);
}

TEST(ObjectIndex, FindsNothingInAnEmptyOne) {
  ObjectIndex index;
  index.prefetch(7);
  EXPECT_EQ(index.find({"k", "o"}, 7), nullptr);
}

TEST(ObjectIndex, KeysOfTheSameHashAreTwo) {
  ObjectIndex index;
  mark(index.add({"k", "a"}, 7), 1);
  mark(index.add({"k", "b"}, 7), 2);
  ASSERT_NE(index.find({"k", "a"}, 7), nullptr);
  EXPECT_EQ(mark_of(*index.find({"k", "a"}, 7)), 1u);
  EXPECT_EQ(mark_of(*index.find({"k", "b"}, 7)), 2u);
  EXPECT_EQ(index.find({"k", "c"}, 7), nullptr);
}

/// Compares with a std::map. The hashes collide, are adjacent and wrap around the end. Objects come
/// and go in equal numbers, around each size at which the index grows.
class ObjectIndexModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(ObjectIndexModel, HasWhatTheModelHas) {
  std::mt19937 random(GetParam());
  const uint64_t hashes = 1 + random() % 64;
  ObjectIndex index;
  std::map<std::string, uint64_t> model;  // name -> the number written into the entry
  const auto hash_of = [&](const std::string& name) {
    return uint64_t{0} - 20 + std::hash<std::string>()(name) % hashes;
  };
  for (uint64_t step = 1; step <= 4000; ++step) {
    const std::string name = std::to_string(random() % 150);
    IndexedObject* found = index.find({"k", name}, hash_of(name));
    ASSERT_EQ(found != nullptr, model.contains(name)) << step;
    if (found == nullptr) {
      mark(index.add({"k", name}, hash_of(name)), step);
      model[name] = step;
    } else {
      ASSERT_EQ(mark_of(*found), model[name]);
      index.erase(*found);
      model.erase(name);
    }
    ASSERT_EQ(index.size(), model.size());
    if (step % 100 != 0) continue;
    for (const auto& [other, written] : model) {
      IndexedObject* there = index.find({"k", other}, hash_of(other));
      ASSERT_NE(there, nullptr) << other;
      ASSERT_EQ(mark_of(*there), written);
    }
    std::set<uint64_t> walked;
    index.for_each([&walked](const IndexedObject& object) { walked.insert(mark_of(object)); });
    ASSERT_EQ(walked.size(), model.size());
  }
}

/// Objects are found, erased and counted while the index grows.
TEST(ObjectIndex, GrowsInSteps) {
  constexpr uint64_t kObjects = 200'000;
  std::mt19937 random(1);
  ObjectIndex index;
  std::vector<bool> there;
  const auto find = [&index](uint64_t number) {
    const std::string name = std::to_string(number);
    const KeyView key{"k", name};
    return index.find(key, key.hash());
  };
  while (there.size() < kObjects) {
    const std::string name = std::to_string(there.size());
    const KeyView key{"k", name};
    mark(index.add(key, key.hash()), there.size());
    there.push_back(true);
    const uint64_t any = random() % there.size();
    IndexedObject* const found = find(any);
    ASSERT_EQ(found != nullptr, there[any]) << any;
    if (found == nullptr) continue;
    ASSERT_EQ(mark_of(*found), any);
    if (random() % 4 != 0) continue;
    index.erase(*found);
    there[any] = false;
    ASSERT_EQ(find(any), nullptr);
  }
  size_t left = 0;
  index.for_each([&](const IndexedObject& object) {
    const std::string name(object.key->view().object);
    EXPECT_TRUE(there[std::stoul(name)]) << name;
    ++left;
  });
  EXPECT_EQ(left, index.size());
  EXPECT_EQ(left, static_cast<size_t>(std::ranges::count(there, true)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ObjectIndexModel, ::testing::Range(0u, 20u));

}  // namespace
}  // namespace cachey::cache
