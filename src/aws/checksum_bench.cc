#include <benchmark/benchmark.h>

#include <vector>

#include "aws/checksum.h"
#include "aws/digest.h"

// What does it cost to hold a body against the checksum that the store announces, a 64 KiB piece?

namespace cachey::aws {
namespace {

void piece(benchmark::State& state, ChecksumAlgorithm algorithm) {
  const std::vector<std::byte> bytes(64 * 1024, std::byte{0x5a});
  Checksum sum(algorithm);
  for (auto _ : state) sum.update(bytes);
  benchmark::DoNotOptimize(sum.finish());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK_CAPTURE(piece, crc64nvme, ChecksumAlgorithm::kCrc64Nvme);
BENCHMARK_CAPTURE(piece, crc32c, ChecksumAlgorithm::kCrc32c);
BENCHMARK_CAPTURE(piece, crc32, ChecksumAlgorithm::kCrc32);
BENCHMARK_CAPTURE(piece, sha1, ChecksumAlgorithm::kSha1);
BENCHMARK_CAPTURE(piece, sha256, ChecksumAlgorithm::kSha256);

}  // namespace
}  // namespace cachey::aws
