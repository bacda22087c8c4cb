#include "store/linear_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace cachey::store {
namespace {

struct Item {
  uint64_t hash = 0;
  Item* next = nullptr;
};

size_t hashes_computed = 0;

struct Traits {
  static uint64_t hash(const Item& item) {
    ++hashes_computed;
    return item.hash;
  }
  static Item*& next(Item& item) { return item.next; }
};

using Table = LinearTable<Item, Traits>;

Item* find(const Table& table, const Item& item) {
  return table.find(item.hash, [&item](const Item& other) { return &other == &item; });
}

TEST(LinearTable, HasWhatWasInsertedAndNotErased) {
  Table table;
  std::deque<Item> items;
  std::map<Item*, bool> there;
  std::mt19937_64 random(1);
  for (int round = 0; round < 30'000; ++round) {
    if (!items.empty() && random() % 3 == 0) {
      Item& item = items[random() % items.size()];
      if (there[&item]) table.erase(item);
      there[&item] = false;
    } else {
      table.insert(items.emplace_back(Item{random()}));
      there[&items.back()] = true;
    }
  }
  size_t count = 0;
  for (Item& item : items) {
    ASSERT_EQ(find(table, item) != nullptr, there[&item]);
    count += there[&item] ? 1 : 0;
  }
  EXPECT_EQ(table.size(), count);
  size_t visited = 0;
  table.for_each([&](Item& item) {
    EXPECT_TRUE(there[&item]);
    ++visited;
  });
  EXPECT_EQ(visited, count);
}

TEST(LinearTable, GrowsFromAnySize) {
  for (const size_t reserved : {1, 1'000, 1'025, 5'000, 8'192}) {
    Table table;
    table.reserve(reserved);
    std::deque<Item> items;
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i) table.insert(items.emplace_back(Item{random()}));
    for (Item& item : items) ASSERT_EQ(find(table, item), &item);
  }
}

TEST(LinearTable, TellsEntriesOfOneHashApart) {
  Table table;
  Item a{7};
  Item b{7};
  table.insert(a);
  table.insert(b);
  EXPECT_EQ(find(table, a), &a);
  EXPECT_EQ(find(table, b), &b);
  table.erase(a);
  EXPECT_EQ(find(table, a), nullptr);
  EXPECT_EQ(find(table, b), &b);
}

TEST(LinearTable, NoInsertionMovesMoreThanOneBucket) {
  Table table;
  std::deque<Item> items;
  std::mt19937_64 random(1);
  size_t most = 0;
  for (int i = 0; i < 300'000; ++i) {
    Item& item = items.emplace_back(Item{random()});
    hashes_computed = 0;
    table.insert(item);
    most = std::max(most, hashes_computed);
  }
  EXPECT_LE(most, 20u);
  EXPECT_LE(table.memory_bytes(), 300'000 * 10u) << "a bucket an entry";
}

}  // namespace
}  // namespace cachey::store
