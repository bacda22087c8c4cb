#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "store/disk/checksum.h"
#include "store/disk/format.h"

// The cost of integrity and names on disk: a block's checksum, an object's id.

namespace cachey::store {
namespace {

constexpr BlockIdentity kIdentity{.store_id = 1, .object = {2, 3}, .page = 4, .generation = 5};

/// Blocks in the CPU's caches (1 block), or in memory (256 MiB).
void block(benchmark::State& state) {
  const auto blocks = static_cast<size_t>(state.range(0));
  std::vector<std::byte> bytes(blocks * kDiskBlockBytes, std::byte{0x5a});
  size_t at = 0;
  for (auto _ : state) {
    const std::array<iovec, 1> part = {iovec{bytes.data() + at * kDiskBlockBytes, kDiskBlockBytes}};
    benchmark::DoNotOptimize(block_checksum(kIdentity, part));
    at = (at + 1) % blocks;
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kDiskBlockBytes));
}
BENCHMARK(block)->ArgName("blocks")->Arg(1)->Arg(4096);

/// A block in two extents of the page's memory.
void block_in_two_parts(benchmark::State& state) {
  std::vector<std::byte> bytes(kDiskBlockBytes, std::byte{0x5a});
  const size_t half = kDiskBlockBytes / 2;
  const std::array<iovec, 2> parts = {iovec{bytes.data(), half}, iovec{bytes.data() + half, half}};
  for (auto _ : state) benchmark::DoNotOptimize(block_checksum(kIdentity, parts));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kDiskBlockBytes));
}
BENCHMARK(block_in_two_parts);

void id_of_object(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(object_id("images", "2024/05/17/photo-0000123.jpg"));
  }
}
BENCHMARK(id_of_object);

}  // namespace
}  // namespace cachey::store
