#include "app/status/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace cachey::app {
namespace {

int64_t difference(int64_t now, int64_t before) {
  if (now == kNoValue) return kNoValue;
  return before == kNoValue ? 0 : std::max<int64_t>(0, now - before);
}

void append_value(int64_t value, std::string& out) {
  if (value == kNoValue) {
    out += "null";
    return;
  }
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

}  // namespace

void History::add(const Row& now) {
  if (!has_totals_) {
    has_totals_ = true;
    totals_ = now;
    return;
  }
  ++newest_;
  Row& row = rows_[newest_ % kRowsMax];
  for (size_t i = 0; i < kColumns; ++i) {
    const auto column = static_cast<Column>(i);
    row[column] = info_of(column).measure == Measure::kLevel
                      ? now[column]
                      : difference(now[column], totals_[column]);
  }
  totals_ = now;
}

int64_t History::sum(Column column, size_t rows) const {
  int64_t sum = 0;
  for (size_t i = 0; i < std::min(rows, size()); ++i) {
    const int64_t value = row(newest_ - i)[column];
    if (value != kNoValue) sum += value;
  }
  return sum;
}

size_t History::rows_with(Column column, int64_t value, size_t rows) const {
  size_t count = 0;
  for (size_t i = 0; i < std::min(rows, size()); ++i) {
    if (row(newest_ - i)[column] >= value) ++count;
  }
  return count;
}

std::optional<int64_t> History::last(Column column) const {
  if (newest_ == 0) return std::nullopt;
  const int64_t value = row(newest_)[column];
  return value == kNoValue ? std::nullopt : std::optional(value);
}

size_t History::rows_after(uint64_t since) const {
  if (since > newest_) return size();
  return std::min<uint64_t>(newest_ - since, size());
}

void History::append_json(uint64_t since, std::string& out) const {
  out += "\"columns\":[";
  for (size_t i = 0; i < kColumnsShown; ++i) {
    fmt::format_to(std::back_inserter(out), "{}\"{}\"", i == 0 ? "" : ",",
                   info_of(static_cast<Column>(i)).name);
  }
  const size_t rows = rows_after(since);
  fmt::format_to(std::back_inserter(out), "],\"first\":{},\"rows\":[", newest_ - rows + 1);
  for (size_t i = rows; i > 0; --i) {
    if (i < rows) out += ',';
    const Row& shown = row(newest_ - i + 1);
    for (size_t j = 0; j < kColumnsShown; ++j) {
      out += j == 0 ? '[' : ',';
      append_value(shown[static_cast<Column>(j)], out);
    }
    out += ']';
  }
  out += ']';
}

}  // namespace cachey::app
