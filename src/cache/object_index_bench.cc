#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "cache/object_index.h"

// How long look-up, add and erase wait for memory, by the number of objects.

namespace cachey::cache {
namespace {

/// `object-0000123.bin`. Made anew each time: a list of names would occupy the CPU's caches.
class Name {
 public:
  explicit Name(uint64_t number) {
    for (size_t at = kFirstDigit + kDigits; at-- > kFirstDigit; number /= 10)
      text_[at] = static_cast<char>('0' + number % 10);
  }
  [[nodiscard]] KeyView key() const { return {"images", {text_.data(), text_.size()}}; }

 private:
  static constexpr size_t kFirstDigit = 7;
  static constexpr size_t kDigits = 7;
  std::array<char, 18> text_{'o', 'b', 'j', 'e', 'c', 't', '-', '0', '0',
                             '0', '0', '0', '0', '0', '.', 'b', 'i', 'n'};
};

void add(ObjectIndex& index, uint64_t number) {
  const Name name(number);
  (void)index.add(name.key(), name.key().hash());
}

void find(benchmark::State& state) {
  const auto objects = static_cast<uint64_t>(state.range(0));
  ObjectIndex index;
  for (uint64_t i = 0; i < objects; ++i) add(index, i);
  std::minstd_rand random(1);
  for (auto _ : state) {
    const Name name(random() % objects);
    benchmark::DoNotOptimize(index.find(name.key(), name.key().hash()));
  }
}
BENCHMARK(find)->ArgName("objects")->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

/// Erases the oldest object and adds a new one.
void erase_and_add(benchmark::State& state) {
  const auto objects = static_cast<uint64_t>(state.range(0));
  ObjectIndex index;
  for (uint64_t i = 0; i < objects; ++i) add(index, i);
  uint64_t oldest = 0;
  for (auto _ : state) {
    const Name name(oldest);
    index.erase(*index.find(name.key(), name.key().hash()));
    add(index, oldest + objects);
    ++oldest;
  }
}
BENCHMARK(erase_and_add)->ArgName("objects")->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace cachey::cache
