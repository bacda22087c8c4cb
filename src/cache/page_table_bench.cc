#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>

#include "cache/page_table.h"
#include "store/s3_fifo.h"

// What finding a page costs, by the number of objects, and what prefetching saves.

namespace cachey::cache {
namespace {

ObjectKey key_of(uint64_t number) {
  return ObjectKey{"images", fmt::format("2024/05/17/photo-{:07}.jpg", number)};
}

/// A spec as a request makes one.
FetchSpecPtr make_spec(ObjectKey key) {
  auto spec = std::make_shared<FetchSpec>();
  spec->key = std::move(key);
  spec->buckets = {"a-bucket-of-a-region"};
  return spec;
}

/// Takes about as long as a request's work between prefetch() and find(): its fields, its bucket
/// and its metrics.
void other_work() {
  uint64_t value = 1;
  for (int i = 0; i < 150; ++i) benchmark::DoNotOptimize(value *= 3);
}

/// A table of `count` objects with one whole page each. The pages have no memory of their own.
class Objects {
 public:
  explicit Objects(uint64_t count) : count(count) {
    for (uint64_t i = 0; i < count; ++i) {
      const PagePtr page =
          table.find_or_create(make_spec(key_of(i)), 0, FillOrder::kFromBegin).page;
      auto source = std::make_shared<ObjectSource>();
      source->info.etag = "\"0123456789abcdef0123456789abcdef\"";
      source->info.size = 4096;
      source->bucket = "a-bucket-of-a-region";
      page->set_head(table.observe(*page, std::move(source), MonoTime()).source);
      page->finish(1);
    }
  }

  /// Returns the table of the last run if it has the same size; else makes a new one.
  [[nodiscard]] static Objects& of(int64_t wanted) {
    static std::unique_ptr<Objects> kept;
    const auto objects = static_cast<uint64_t>(wanted);
    if (kept == nullptr || kept->count != objects) {
      kept.reset();
      kept = std::make_unique<Objects>(objects);
    }
    return *kept;
  }

  const uint64_t count;
  const SystemClock clock;
  store::MemoryTier memory{store::MemoryTierConfig{}, std::make_unique<store::S3Fifo>(), clock};
  PageTable table{memory};
};

void find(benchmark::State& state) {
  const bool ahead = state.range(0) != 0;
  Objects& objects = Objects::of(state.range(1));
  std::minstd_rand random(1);
  for (auto _ : state) {
    ObjectKey key = key_of(random() % objects.count);
    if (ahead) objects.table.prefetch(key.view());
    const FetchSpecPtr spec = make_spec(std::move(key));
    other_work();
    const PagePtr page = objects.table.find(spec->key.view(), 0);
    benchmark::DoNotOptimize(page->source()->info.size);
  }
}
BENCHMARK(find)->ArgNames({"ahead", "objects"})->ArgsProduct({{0, 1}, {1'000, 100'000, 1'000'000}});

/// What a miss does to the table: adds a page and removes it.
void create_and_remove(benchmark::State& state) {
  Objects& objects = Objects::of(state.range(0));
  std::minstd_rand random(1);
  for (auto _ : state) {
    const FetchSpecPtr spec = make_spec(key_of(objects.count + random() % objects.count));
    const PageTable::Found found = objects.table.find_or_create(spec, 0, FillOrder::kFromBegin);
    objects.table.remove(*found.page);
  }
}
BENCHMARK(create_and_remove)->ArgName("objects")->Arg(1'000'000)->Arg(1'000);

/// The work of find() without the table.
void all_but_find(benchmark::State& state) {
  std::minstd_rand random(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_spec(key_of(random() % 1'000'000)));
    other_work();
  }
}
BENCHMARK(all_but_find);

}  // namespace
}  // namespace cachey::cache
