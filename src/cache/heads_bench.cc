#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <string>

#include "cache/heads.h"
#include "store/s3_fifo.h"

// What a hit of the S3 endpoint pays to learn an object's newest answer.

namespace cachey::cache {
namespace {

/// Names of one length, made anew each time: a list of them would occupy the CPU's caches.
class Name {
 public:
  explicit Name(uint64_t number) : text_(fmt::format("object-{:08}.bin", number)) {}
  [[nodiscard]] KeyView key() const { return {"images", text_}; }

 private:
  std::string text_;
};

struct Table {
  explicit Table(uint64_t objects) {
    for (uint64_t i = 0; i < objects; ++i) note(i);
  }
  void note(uint64_t number) {
    const Name name(number);
    ObjectInfo info{"\"0123456789abcdef0123456789abcdef\"", 4096, 0};
    info.attributes = attributes;
    heads.note(name.key(), name.key().hash(),
               std::make_shared<ObjectSource>(std::move(info), "images"), MonoTime::max());
  }
  const SystemClock clock;
  const ObjectAttributesPtr attributes =
      std::make_shared<ObjectAttributes>("content-type: image/jpeg\r\n", "");
  store::MemoryTier memory{store::MemoryTierConfig{}, std::make_unique<store::S3Fifo>(), clock};
  Heads heads{2 * kGiB, memory};
};

void find(benchmark::State& state) {
  const auto objects = static_cast<uint64_t>(state.range(0));
  Table table(objects);
  std::minstd_rand random(1);
  for (auto _ : state) {
    const Name name(random() % objects);
    benchmark::DoNotOptimize(table.heads.find(name.key(), name.key().hash()));
  }
}
BENCHMARK(find)->ArgName("objects")->Arg(1)->Arg(1'000)->Arg(1'000'000);

/// A new answer about a known object.
void note(benchmark::State& state) {
  const auto objects = static_cast<uint64_t>(state.range(0));
  Table table(objects);
  std::minstd_rand random(1);
  for (auto _ : state) table.note(random() % objects);
}
BENCHMARK(note)->ArgName("objects")->Arg(1'000)->Arg(1'000'000);

}  // namespace
}  // namespace cachey::cache
