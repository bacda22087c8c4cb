#include "base/fine_histogram.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/cache_line.h"
#include "base/check.h"

namespace cachey {
namespace {

/// So that parts begin on cache lines of their own, whatever the allocator's alignment.
constexpr size_t kCountsPerLine = kCacheLineBytes / sizeof(std::atomic<uint64_t>);

size_t part_size(const FineCells& cells) {
  const size_t counts = cells.size() + 1;
  return (counts / kCountsPerLine + 2) * kCountsPerLine;
}

}  // namespace

FineCells::FineCells(std::vector<uint64_t> shown) : shown_(std::move(shown)) {
  size_t next_shown = 0;
  for (size_t eighth = 0; eighth < kEighths; ++eighth) {
    first_[eighth] = static_cast<uint16_t>(bounds_.size());
    const size_t shift = eighth >> kEighthBits;
    const uint64_t width = kValueMin >> kEighthBits << shift;
    const uint64_t begin = (kValueMin << shift) + (eighth % (1 << kEighthBits)) * width;
    const uint64_t last = begin + width - 1;
    if (next_shown < shown_.size() && shown_[next_shown] <= last) {
      CHECK(shown_[next_shown] >= begin);
      if (shown_[next_shown] < last) bounds_.push_back(shown_[next_shown]);
      ++next_shown;
    }
    bounds_.push_back(last);
  }
  CHECK(next_shown == shown_.size());
  first_[kEighths] = static_cast<uint16_t>(bounds_.size());
  bounds_.push_back(std::numeric_limits<uint64_t>::max());
}

FineHistogram::Store::Store(const FineCells& cells, Parts parts)
    : cells_(cells),
      stride_(parts == Parts::kOne ? 0 : part_size(cells)),
      memory_(std::make_unique<std::atomic<uint64_t>[]>(
          parts == Parts::kOne ? part_size(cells) : part_size(cells) * kShards)) {}

FineHistogram::Snapshot FineHistogram::snapshot() const {
  Snapshot snapshot;
  snapshot.cells_ = cells_;
  snapshot.counts_.resize(cells_->size());
  const size_t parts = stride_ == 0 ? 1 : kShards;
  for (size_t i = 0; i < parts; ++i) {
    const std::atomic<uint64_t>* const part = part_of(i);
    for (size_t cell = 0; cell < cells_->size(); ++cell) {
      snapshot.counts_[cell] += part[cell].load(std::memory_order_relaxed);
    }
    snapshot.sum_ += part[cells_->size()].load(std::memory_order_relaxed);
  }
  return snapshot;
}

uint64_t FineHistogram::Snapshot::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

std::optional<uint64_t> FineHistogram::Snapshot::quantile(double q) const {
  const uint64_t all = count();
  if (all == 0) return std::nullopt;
  const double share = std::clamp(q, 0.0, 1.0) * static_cast<double>(all);
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(share)), 1, all);
  size_t cell = 0;
  for (uint64_t below = counts_[0]; below < rank; below += counts_[cell]) ++cell;
  if (cell + 1 == cells_->size()) return FineCells::kValueMax;
  if (cell == 0) return FineCells::kValueMin;
  const uint64_t lowest = cells_->bound(cell - 1) + 1;
  return lowest + (cells_->bound(cell) - lowest) / 2;
}

uint64_t FineHistogram::Snapshot::count_up_to(uint64_t bound) const {
  uint64_t count = 0;
  for (size_t cell = 0; cell < counts_.size() && cells_->bound(cell) <= bound; ++cell) {
    count += counts_[cell];
  }
  return count;
}

FineHistogram::Snapshot& FineHistogram::Snapshot::operator+=(const Snapshot& other) {
  if (other.cells_ == nullptr) return *this;
  if (cells_ == nullptr) return *this = other;
  CHECK(cells_->shown() == other.cells_->shown());
  for (size_t cell = 0; cell < counts_.size(); ++cell) counts_[cell] += other.counts_[cell];
  sum_ += other.sum_;
  return *this;
}

FineHistogram::Snapshot& FineHistogram::Snapshot::operator-=(const Snapshot& earlier) {
  if (earlier.cells_ == nullptr) return *this;
  CHECK(cells_ != nullptr && cells_->shown() == earlier.cells_->shown());
  for (size_t cell = 0; cell < counts_.size(); ++cell) counts_[cell] -= earlier.counts_[cell];
  sum_ -= earlier.sum_;
  return *this;
}

}  // namespace cachey
