#pragma once

#include <algorithm>
#include <ctime>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "store/disk/catalog.h"

namespace cachey::store {

/// A catalog and its journal without a device: writes and journal batches succeed at once. Used as
/// the tier uses them.
class CatalogRig {
 public:
  explicit CatalogRig(uint64_t capacity, size_t memory_bytes_max = SIZE_MAX,
                      uint32_t segment_units = ExtentAllocator::kUnitsPerChunk)
      : journal_(StoreLife{1, 1}, segment_units),
        catalog_(CatalogLimits{units_for(kDataOffset), static_cast<uint32_t>(capacity / kUnitBytes),
                               memory_bytes_max},
                 journal_) {}

  [[nodiscard]] Catalog& catalog() { return catalog_; }
  [[nodiscard]] Journal& journal() { return journal_; }

  [[nodiscard]] static ObjectId id(uint64_t number) {
    return {number * 0xc2b2'ae3d'27d4'eb4f, spread(number + 1) ^ (spread(number + 1) >> 32)};
  }
  [[nodiscard]] static ObjectInfo version(int number) {
    return {"\"" + std::string(32, '0') + std::to_string(number) + "\"", 1, 1};
  }

  [[nodiscard]] static VersionChange observed(const ObjectInfo& info) {
    return VersionChange::observed(ObjectSource{info, "bucket"});
  }

  /// Places a page: calls the steps until the last one. Null: no space.
  DiskEntry* place(uint64_t object, uint32_t page, uint32_t bytes,
                   const ObjectInfo& info = version(1), const std::string& bucket = "bucket") {
    SpaceSearch search;
    const ObjectSource source{info, bucket};
    const bool keep = keeps_odd_ && object % 2 == 1;
    const PlaceRequest request{id(object), PageAt::page(page), bytes, source, keep};
    while (true) {
      const auto placed = step([&] { return catalog_.place(request, search); });
      if (placed) return *placed;
      if (placed.error() == NotPlaced::kNoSpace) return nullptr;
    }
  }
  void list(DiskEntry& entry) {
    std::string record = record_of(entry);
    step([&] { return catalog_.list(entry, std::move(record)); });
    PartSweep sweep;
    while (step([&] { return catalog_.remove_parts_under(entry, sweep); })) {
    }
    catalog_.release(entry);
  }
  /// False: no space.
  bool add(uint64_t object, uint32_t page, uint32_t bytes, const ObjectInfo& info = version(1),
           const std::string& bucket = "bucket") {
    DiskEntry* entry = place(object, page, bytes, info, bucket);
    if (entry != nullptr) list(*entry);
    return entry != nullptr;
  }
  [[nodiscard]] DiskEntry* find(uint64_t object, uint32_t page = 0) {
    return catalog_.find(id(object), PageAt::page(page));
  }

  /// Null: no space.
  std::optional<DiskExtent> place_segment() {
    SpaceSearch search;
    while (true) {
      const auto placed =
          step([&] { return catalog_.place_segment(journal_.segment_units(), search); });
      if (placed) return *placed;
      if (placed.error() == NotPlaced::kNoSpace) return std::nullopt;
    }
  }
  /// Writes the pending records and forgets segments past `segments_max`, as if they were cleaned.
  void write_journal(size_t segments_max = 8) {
    while (journal_.has_pending()) {
      if (journal_.needs_segment()) {
        if (journal_.segments().size() >= segments_max) {
          catalog_.release_segment(
              {journal_.segments().front().first_unit, journal_.segment_units()});
          journal_.drop_oldest();
        }
        const std::optional<DiskExtent> segment = place_segment();
        CHECK(segment);
        journal_.begin_segment(segment->first);
      }
      const auto batch = journal_.next_batch(catalog_.finder());
      if (batch) journal_.on_disk(*batch);
    }
  }

  /// Calls one step and keeps the longest one: in CPU time of the thread, in removed pages.
  template <typename Call>
  std::invoke_result_t<Call> step(const Call& call) {
    const size_t pages = catalog_.pages() + catalog_.parts();
    const double began = cpu_us();
    std::invoke_result_t<Call> result = call();
    longest_us_ = std::max(longest_us_, cpu_us() - began);
    ++steps_;
    const size_t left = catalog_.pages() + catalog_.parts();
    if (pages > left) most_removed_ = std::max(most_removed_, pages - left);
    return result;
  }
  /// Entries of objects with an odd number are named by rules from now on.
  void keep_odd_objects() { keeps_odd_ = true; }
  /// The length of the names in records.
  void name_by(size_t bytes) { name_.assign(bytes, 'n'); }

  void reset() {
    longest_us_ = 0;
    most_removed_ = 0;
    steps_ = 0;
  }
  [[nodiscard]] double longest_us() const { return longest_us_; }
  [[nodiscard]] size_t most_removed() const { return most_removed_; }
  [[nodiscard]] size_t steps() const { return steps_; }

  /// The CPU time of this thread.
  [[nodiscard]] static double cpu_us() {
    timespec time{};
    CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }

 private:
  bool keeps_odd_ = false;
  std::string name_ = std::string(110, 'n');

  [[nodiscard]] std::string record_of(const DiskEntry& entry) const {
    PageRecord record;
    record.object = entry.object->id;
    record.at = entry.at;
    record.generation = entry.generation;
    record.bytes = entry.bytes;
    record.key = name_;
    return encode_page_record(record, entry.extents(), entry.sums());
  }

  Journal journal_;
  Catalog catalog_;
  double longest_us_ = 0;
  size_t most_removed_ = 0;
  size_t steps_ = 0;
};

}  // namespace cachey::store
