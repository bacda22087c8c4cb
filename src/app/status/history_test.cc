#include "app/status/history.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace cachey::app {
namespace {

Row row_of(int64_t t_ms, int64_t egress_total, int64_t used) {
  Row row;
  row[Column::kTimeMs] = t_ms;
  row[Column::kEgressBytes] = egress_total;
  row[Column::kMemoryUsed] = used;
  return row;
}

nlohmann::json json_of(const History& history, uint64_t since) {
  std::string text = "{";
  history.append_json(since, text);
  return nlohmann::json::parse(text + "}");
}

TEST(History, RowsHaveDifferencesOfCountsAndValuesOfLevels) {
  History history;
  history.add(row_of(1000, 500, 7));
  EXPECT_EQ(history.newest(), 0u);
  history.add(row_of(2000, 800, 9));
  history.add(row_of(3000, 810, 4));
  EXPECT_EQ(history.newest(), 2u);
  EXPECT_EQ(history.row(1)[Column::kEgressBytes], 300);
  EXPECT_EQ(history.row(2)[Column::kEgressBytes], 10);
  EXPECT_EQ(history.row(2)[Column::kMemoryUsed], 4);
  EXPECT_EQ(history.sum(Column::kEgressBytes, 10), 310);
  EXPECT_EQ(history.sum(Column::kEgressBytes, 1), 10);
  EXPECT_EQ(history.last(Column::kMemoryUsed), 4);
  EXPECT_EQ(history.last(Column::kGhostHits), std::nullopt);
}

TEST(History, ATotalThatShrinksIsNoDifference) {
  History history;
  for (const int64_t total : {500, 400, 450}) history.add(row_of(0, total, 0));
  EXPECT_EQ(history.row(1)[Column::kEgressBytes], 0);
  EXPECT_EQ(history.row(2)[Column::kEgressBytes], 50);
}

TEST(History, KeepsTheLastTenMinutes) {
  History history;
  for (int64_t i = 0; i <= 1000; ++i) history.add(row_of(i, i, i));
  EXPECT_EQ(history.newest(), 1000u);
  EXPECT_EQ(history.size(), History::kRowsMax);
  EXPECT_EQ(history.oldest(), 401u);
  EXPECT_EQ(history.row(401)[Column::kTimeMs], 401);
  EXPECT_EQ(history.sum(Column::kEgressBytes, 100'000), 600);
  EXPECT_EQ(history.rows_with(Column::kMemoryUsed, 998, 10), 3u);
}

TEST(History, TellsTheRowsAfterANumber) {
  History history;
  for (int64_t i = 0; i <= 10; ++i) history.add(row_of(i, 2 * i, i));
  const auto all = json_of(history, 0);
  EXPECT_EQ(all["columns"].size(), kColumnsShown);
  EXPECT_EQ(all["columns"][0], "t_ms");
  EXPECT_EQ(all["columns"].back(), "cpu_ms");
  EXPECT_EQ(all["first"], 1);
  ASSERT_EQ(all["rows"].size(), 10u);
  EXPECT_EQ(all["rows"][0].size(), kColumnsShown);
  EXPECT_EQ(all["rows"][9][0], 10);
  EXPECT_EQ(all["rows"][9][5], 2);
  EXPECT_TRUE(all["rows"][9][1].is_null());
  const auto some = json_of(history, 8);
  EXPECT_EQ(some["first"], 9);
  EXPECT_EQ(some["rows"].size(), 2u);
  EXPECT_EQ(json_of(history, 10)["rows"].size(), 0u);
  EXPECT_EQ(json_of(history, 10)["first"], 11);
}

TEST(History, ANumberOfAnotherProcessIsAnsweredWithAllRows) {
  History history;
  for (int64_t i = 0; i <= 10; ++i) history.add(row_of(i, i, i));
  EXPECT_EQ(json_of(history, 11)["rows"].size(), 10u);
  EXPECT_EQ(json_of(history, UINT64_MAX)["rows"].size(), 10u);
  EXPECT_EQ(json_of(History(), 5)["rows"].size(), 0u);
  EXPECT_EQ(json_of(History(), 5)["first"], 1);
}

TEST(History, EveryColumnHasAName) {
  for (size_t i = 0; i < kColumns; ++i)
    EXPECT_FALSE(info_of(static_cast<Column>(i)).name.empty()) << i;
}

}  // namespace
}  // namespace cachey::app
