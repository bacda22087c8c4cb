#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "cache/testing/reader_harness.h"

// What a hit of 4 KiB in memory costs the cache: on one worker, on two workers of the same object,
// and on two of one object each.

namespace cachey::cache {
namespace {

class Hits final : public ReaderHarness {
 public:
  Hits() {
    for (const char* object : {"0", "1"}) {
      origin_.put("b", object, {.size = 4096});
      expect_whole(read(spec(object), {0, 4096}).get(), {0, 4096});
    }
    settle();
  }
  void TestBody() override {}

  /// A worker for the calling thread alone. Its loop does not run.
  [[nodiscard]] rt::Worker& worker(int thread) {
    return own_[workers_.size() + static_cast<size_t>(thread)];  // an index that no other has
  }
  [[nodiscard]] FetchSpecPtr spec_of(int object) { return spec(std::to_string(object)); }

  void hit(rt::Worker& worker, const FetchSpecPtr& of) {
    RangeReader reader(cache_, worker, of, {0, 4096}, RangeReader::Use::kBody);
    const std::optional<Result<void>> opened = reader.try_open();
    if (!opened || !*opened) std::abort();
    iovec parts[32];
    if (reader.pin(parts) == 0) std::abort();
    reader.release(4096);
  }

 private:
  rt::Workers own_{4, clock_};
};

Hits& hits() {
  static Hits made;
  return made;
}

void BM_HitsOfOneObject(benchmark::State& state) {
  rt::Worker& worker = hits().worker(state.thread_index());
  const FetchSpecPtr of = hits().spec_of(0);
  for (auto _ : state) hits().hit(worker, of);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HitsOfOneObject)->Threads(1)->Threads(2)->UseRealTime();

void BM_HitsOfAnObjectEach(benchmark::State& state) {
  rt::Worker& worker = hits().worker(state.thread_index());
  const FetchSpecPtr of = hits().spec_of(state.thread_index());
  for (auto _ : state) hits().hit(worker, of);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HitsOfAnObjectEach)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace cachey::cache
