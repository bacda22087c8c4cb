#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/status/columns.h"

namespace cachey::app {

/// The rows of the last kRowsMax seconds, numbered from 1. Its memory is allocated once. Not
/// synchronized.
class History {
 public:
  static constexpr size_t kRowsMax = 600;
  static constexpr size_t kBytes = kRowsMax * sizeof(Row);

  History() : rows_(kRowsMax) {}

  /// `now`: levels, and totals since the start. The first call only keeps the totals, because a
  /// difference needs two. A total that has become smaller counts as no difference.
  void add(const Row& now);

  /// The number of the newest row; 0: there is none.
  [[nodiscard]] uint64_t newest() const { return newest_; }
  [[nodiscard]] uint64_t oldest() const { return newest_ - size() + 1; }
  [[nodiscard]] size_t size() const {
    return newest_ < kRowsMax ? static_cast<size_t>(newest_) : kRowsMax;
  }
  /// REQUIRES: oldest() <= number <= newest().
  [[nodiscard]] const Row& row(uint64_t number) const { return rows_[number % kRowsMax]; }

  /// Of the last `rows` rows. Unknown values count as 0.
  [[nodiscard]] int64_t sum(Column column, size_t rows) const;
  /// Of the last `rows` rows: those with at least `value`.
  [[nodiscard]] size_t rows_with(Column column, int64_t value, size_t rows) const;
  /// The value of the newest row. Nothing: unknown.
  [[nodiscard]] std::optional<int64_t> last(Column column) const;

  /// Appends the rows after row `since` as JSON: `"columns":[...],"first":N,"rows":[[...],...]`.
  /// A `since` past the newest row is a number of another process: all rows.
  void append_json(uint64_t since, std::string& out) const;
  /// How many rows that would be.
  [[nodiscard]] size_t rows_after(uint64_t since) const;

 private:
  std::vector<Row> rows_;  // ring
  Row totals_;             // the last ones
  bool has_totals_ = false;
  uint64_t newest_ = 0;
};

}  // namespace cachey::app
