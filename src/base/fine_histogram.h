#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/shard.h"

namespace cachey {

/// The cells of a FineHistogram: eight between a power of two and the next one (as in
/// HdrHistogram), each cut in two at a bound that /metrics shows. So a cell is at most an eighth of
/// its lower end wide, and the shown bounds are a subset of the cells' bounds. Immutable.
class FineCells {
 public:
  /// Smaller values share the first cell, larger ones the last: from about 1 us to 68 s.
  static constexpr uint64_t kValueMin = uint64_t{1} << 10;
  static constexpr uint64_t kValueMax = uint64_t{1} << 36;

  /// `shown`: the upper bounds that /metrics shows, ascending. REQUIRES: each is at least kValueMin
  /// and less than kValueMax, and there is at most one in each eighth of a power of two.
  explicit FineCells(std::vector<uint64_t> shown);

  /// A few instructions: all requests count here.
  [[nodiscard]] size_t index_of(uint64_t value) const {
    const size_t cell = first_[eighth_of(std::clamp(value, kValueMin, kValueMax))];
    return cell + static_cast<size_t>(value > bounds_[cell]);
  }
  [[nodiscard]] size_t size() const { return bounds_.size(); }
  /// The largest value of a cell.
  [[nodiscard]] uint64_t bound(size_t cell) const { return bounds_[cell]; }
  [[nodiscard]] const std::vector<uint64_t>& shown() const { return shown_; }

 private:
  static constexpr size_t kEighthBits = 3;
  static constexpr size_t kEighths =
      static_cast<size_t>(std::countr_zero(kValueMax) - std::countr_zero(kValueMin)) << kEighthBits;

  static constexpr uint64_t eighths_up_to(uint64_t value) {
    const auto shift = static_cast<size_t>(63 - std::countl_zero(value)) - kEighthBits;
    return (shift << kEighthBits) + (value >> shift);
  }
  /// Which eighth of a power of two, from 0 for the one that begins with kValueMin.
  static constexpr size_t eighth_of(uint64_t value) {
    return eighths_up_to(value) - eighths_up_to(kValueMin);
  }

  const std::vector<uint64_t> shown_;
  std::vector<uint64_t> bounds_;                // of all cells; the last one is the largest number
  std::array<uint16_t, kEighths + 1> first_{};  // the first cell of each eighth
};

/// Counts values by cells so fine that quantiles can be told, of any span of time: by the
/// difference of two snapshots. A handle, as Counter is; observe() costs two relaxed additions. Any
/// thread.
class FineHistogram {
 public:
  FineHistogram() = default;  ///< must be assigned before use

  /// One part for each thread, or one part for all: for values that are rare.
  enum class Parts : uint8_t { kOnePerThread, kOne };

  void observe(uint64_t value) const {
    std::atomic<uint64_t>* const part = part_of(this_shard());
    part[cells_->index_of(value)].fetch_add(1, std::memory_order_relaxed);
    part[cells_->size()].fetch_add(value, std::memory_order_relaxed);
  }
  void observe(std::chrono::nanoseconds time) const {
    observe(static_cast<uint64_t>(std::max<int64_t>(time.count(), 0)));
  }
  /// The same value in both, for little more than in one. REQUIRES: the bounds and parts of both
  /// are the same.
  static void observe_in_both(const FineHistogram& one, const FineHistogram& other,
                              std::chrono::nanoseconds time) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(time.count(), 0));
    const size_t cell = one.cells_->index_of(value);
    const size_t sum = one.cells_->size();
    const size_t offset = this_shard() * one.stride_;
    for (std::atomic<uint64_t>* const part : {one.first_ + offset, other.first_ + offset}) {
      part[cell].fetch_add(1, std::memory_order_relaxed);
      part[sum].fetch_add(value, std::memory_order_relaxed);
    }
  }
  [[nodiscard]] explicit operator bool() const { return cells_ != nullptr; }

  /// What a histogram counted in a span of time.
  class Snapshot {
   public:
    Snapshot() = default;  ///< of nothing

    /// Nothing if nothing was counted. `q` from 0 to 1. The middle of the cell with the value of
    /// rank ceil(q * count()): at most a sixteenth off. The first cell shows as kValueMin of
    /// FineCells, the last as kValueMax.
    [[nodiscard]] std::optional<uint64_t> quantile(double q) const;
    [[nodiscard]] uint64_t count() const;
    [[nodiscard]] uint64_t sum() const { return sum_; }
    [[nodiscard]] std::span<const uint64_t> shown_bounds() const {
      return cells_ == nullptr ? std::span<const uint64_t>() : cells_->shown();
    }
    /// The count of values up to `bound`, one of the shown bounds or any other bound of a cell.
    [[nodiscard]] uint64_t count_up_to(uint64_t bound) const;

    /// REQUIRES: the other one is empty, or of the same bounds; for -=, it was taken earlier from
    /// the same histogram.
    Snapshot& operator+=(const Snapshot& other);
    Snapshot& operator-=(const Snapshot& earlier);
    friend Snapshot operator-(Snapshot later, const Snapshot& earlier) { return later -= earlier; }

   private:
    friend class FineHistogram;
    const FineCells* cells_ = nullptr;
    std::vector<uint64_t> counts_;
    uint64_t sum_ = 0;
  };
  /// Everything since the start. Some microseconds.
  [[nodiscard]] Snapshot snapshot() const;

  /// The memory of a histogram. `cells` outlives it.
  class Store {
   public:
    Store(const FineCells& cells, Parts parts);
    [[nodiscard]] FineHistogram handle() const {
      return FineHistogram(cells_, memory_.get(), stride_);
    }

   private:
    const FineCells& cells_;
    const size_t stride_;  // from one part to the next; 0: there is one
    std::unique_ptr<std::atomic<uint64_t>[]> memory_;
  };

 private:
  FineHistogram(const FineCells& cells, std::atomic<uint64_t>* first, size_t stride)
      : cells_(&cells), first_(first), stride_(stride) {}
  [[nodiscard]] std::atomic<uint64_t>* part_of(size_t shard) const {
    return first_ + shard * stride_;
  }

  const FineCells* cells_ = nullptr;
  std::atomic<uint64_t>* first_ = nullptr;  // of part 0: a count for each cell, the sum
  size_t stride_ = 0;
};

}  // namespace cachey
