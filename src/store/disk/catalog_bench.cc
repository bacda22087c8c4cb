#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/check.h"
#include "store/testing/catalog_rig.h"

// The longest time that one step of the catalog takes, in CPU time of the thread: for so long the
// tier's mutex is held, and each worker that looks at the disk waits. `evicted` is the ratio of
// evicted bytes to placed bytes. CACHEY_CATALOG_PAGES=10000000 is a larger index; an entry takes
// about 400 bytes.

namespace cachey::store {
namespace {

uint64_t index_pages() {
  const char* asked = std::getenv("CACHEY_CATALOG_PAGES");
  return asked == nullptr ? 500'000 : std::strtoull(asked, nullptr, 10);
}

void report(benchmark::State& state, const CatalogRig& rig) {
  state.counters["longest_us"] = rig.longest_us();
  state.counters["removed"] = static_cast<double>(rig.most_removed());
}

/// A disk that is full of pages of `bytes` bytes, as many as index_pages(), and aged: as many were
/// written again, in a random order of uses.
class Aged {
 public:
  explicit Aged(uint32_t bytes)
      : bytes_(bytes), rig_(index_pages() * units_for(bytes) * kUnitBytes) {
    const uint64_t fits = index_pages();
    while (next_ < 2 * fits) {
      CHECK(rig_.add(next_, 0, bytes_));
      const uint64_t used = next_ - random_() % std::min(next_ + 1, fits);
      if (DiskEntry* entry = rig_.find(used)) Catalog::touch(*entry);
      if (++next_ % 10'000 == 0) rig_.write_journal();
    }
    rig_.write_journal();
    rig_.reset();
    evicted_before_ = rig_.catalog().evictions();
  }

  [[nodiscard]] CatalogRig& rig() { return rig_; }
  [[nodiscard]] uint64_t next() { return next_++; }
  [[nodiscard]] double evicted_bytes() {
    return static_cast<double>((rig_.catalog().evictions() - evicted_before_) * bytes_);
  }

 private:
  const uint32_t bytes_;
  CatalogRig rig_;
  std::mt19937_64 random_{1};
  uint64_t next_ = 0;
  uint64_t evicted_before_ = 0;
};

void grow(benchmark::State& state) {
  CatalogRig rig(2 * index_pages() * kUnitBytes + kGiB);
  const auto charged = static_cast<double>(rig.catalog().memory_bytes());
  uint64_t next = 0;
  for (auto _ : state) {
    CHECK(rig.add(next++, 0, 4096));
    if (next % 1'000 == 0) rig.write_journal(1'000);
  }
  rig.write_journal(1'000);
  const auto pages = static_cast<double>(next);
  report(state, rig);
  state.counters["charged"] = (static_cast<double>(rig.catalog().memory_bytes()) - charged) / pages;
}

constexpr int kFullPages = 50;

void place_full_pages(benchmark::State& state) {
  Aged disk(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) CHECK(disk.rig().add(disk.next(), 0, kPageBytes));
  report(state, disk.rig());
  state.counters["evicted"] = disk.evicted_bytes() / (kFullPages * double{kPageBytes});
}

void place_segments(benchmark::State& state) {
  Aged disk(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) CHECK(disk.rig().place_segment());
  report(state, disk.rig());
  state.counters["evicted"] = disk.evicted_bytes() / (kFullPages * double{kPageBytes});
}

void place_small_pages(benchmark::State& state) {
  const auto bytes = static_cast<uint32_t>(state.range(0));
  Aged disk(bytes);
  uint64_t pages = 0;
  for (auto _ : state) {
    CHECK(disk.rig().add(disk.next(), 0, bytes));
    ++pages;
  }
  report(state, disk.rig());
  state.counters["evicted"] = disk.evicted_bytes() / static_cast<double>(pages * bytes);
}

void supersede_a_giant_object(benchmark::State& state) {
  CatalogRig rig(index_pages() * kUnitBytes + kGiB);
  for (uint32_t page = 0; page < index_pages(); ++page) CHECK(rig.add(1, page, 4096));
  rig.write_journal();
  rig.reset();
  const ObjectInfo other = CatalogRig::version(2);
  for (auto _ : state) {
    rig.step([&] {
      rig.catalog().supersede(CatalogRig::id(1), CatalogRig::observed(other));
      return true;
    });
    while (rig.step([&] { return rig.catalog().prepare(); })) {
    }
  }
  CHECK(rig.catalog().pages() == 0);
  report(state, rig);
}

/// Objects of one page each are removed, with a pause. After the pause much freed memory waits to
/// go back to the system, so a step that frees more may wait for that work (app/allocator.cc).
void remove_objects(benchmark::State& state) {
  CatalogRig rig(2 * index_pages() * kUnitBytes + kGiB);
  for (uint64_t object = 0; object < index_pages(); ++object) {
    CHECK(rig.add(object, 0, 4096));
    if (object % 1'000 == 0) rig.write_journal(1'000);
  }
  rig.reset();
  uint64_t next = 0;
  const VersionChange change = CatalogRig::observed(CatalogRig::version(2));
  for (auto _ : state) {
    if (next == index_pages() / 2) std::this_thread::sleep_for(std::chrono::seconds(2));
    rig.step([&] {
      rig.catalog().supersede(CatalogRig::id(next), change);
      return true;
    });
    if (++next % 1'000 == 0) rig.write_journal(1'000);
  }
  CHECK(rig.catalog().pages() == 0);
  report(state, rig);
}

/// `one`: all pages are of one object.
void open_index(benchmark::State& state, bool one) {
  const std::vector<uint64_t> sums(1, 7);
  for (auto _ : state) {
    CatalogRig rig(index_pages() * kUnitBytes + kGiB);
    for (uint32_t i = 0; i < index_pages(); ++i) {
      PageRecord record;
      record.object = CatalogRig::id(one ? 0 : i);
      record.at = PageAt::page(one ? i : 0);
      record.generation = i + 1;
      record.object_size = one ? kObjectBytesMax : 4096;
      record.bytes = 4096;
      record.kind = "kind";
      record.key = "a/key/of/some/length/that/is/usual";
      record.bucket = "bucket";
      record.etag = "\"0123456789abcdef0123456789abcdef\"";
      const DiskExtent extent{units_for(kDataOffset) + i, 1};
      const std::string text = encode_page_record(record, {&extent, 1}, sums);
      RecordReader reader(std::as_bytes(std::span(text)));
      rig.catalog().restore(RestoredPage(std::get<PageRecord>(*reader.next()), i / 20));
    }
    const size_t evicted =
        rig.catalog().finish_restoring({}, ExtentAllocator::kUnitsPerChunk, unshared_attributes);
    CHECK(evicted == 0);
    CHECK(rig.catalog().pages() == index_pages());
  }
}

BENCHMARK(grow)->Iterations(static_cast<benchmark::IterationCount>(index_pages()));
BENCHMARK(place_full_pages)->Arg(4'096)->Arg(50'000)->Iterations(kFullPages);
BENCHMARK(place_segments)->Arg(4'096)->Arg(50'000)->Iterations(kFullPages);
BENCHMARK(place_small_pages)->Arg(4'096)->Arg(50'000)->Iterations(100'000);
BENCHMARK(supersede_a_giant_object)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(remove_objects)->Iterations(static_cast<benchmark::IterationCount>(index_pages()));
BENCHMARK_CAPTURE(open_index, of_one_object, true)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open_index, of_many_objects, false)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cachey::store
