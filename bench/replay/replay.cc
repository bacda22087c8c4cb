// Traces and the hit ratios of the eviction policy of both tiers, without the rest of a cache.
// `./dev bench replay` compares them with other policies.
//   replay make FOLDER REQUESTS         writes each trace to FOLDER/NAME, and prints a list as JSON
//   replay run FILE CAPACITY...         prints one row as JSON per capacity in bytes
//   replay disk FILE MEMORY DISK        memory before a disk, in bytes: prints one row
//                                       as JSON per rule of what is written to the disk
//   replay size FILE                    prints the bytes of all its objects as JSON
// The first tenth of a trace fills the cache and is not counted.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>

#include "replay/cache.h"
#include "replay/trace_file.h"
#include "replay/two_tiers.h"

namespace {

using namespace cachey::bench;

constexpr uint64_t kSeed = 1;
constexpr size_t kWarmUpShare = 10;

void make(const std::string& folder, size_t accesses) {
  const char* separator = "[\n";
  for (const std::string& name : replay_traces()) {
    const Trace trace = make_trace(name, accesses, kSeed);
    write_trace(trace, folder + "/" + name);
    std::printf("%s  {\"trace\": \"%s\", \"what\": \"%s\", \"requests\": %zu, \"bytes\": %llu}",
                separator, name.c_str(), trace.what.c_str(), trace.accesses.size(),
                static_cast<unsigned long long>(trace.bytes));
    separator = ",\n";
  }
  std::printf("\n]\n");
}

void run(const Trace& trace, std::span<char* const> capacities) {
  const size_t warm = trace.accesses.size() / kWarmUpShare;
  const char* separator = "[\n";
  for (const char* capacity : capacities) {
    ReplayCache cache(std::strtoull(capacity, nullptr, 10), trace.objects);
    uint64_t hits = 0;
    uint64_t bytes_hit = 0;
    uint64_t bytes = 0;
    for (size_t at = 0; at < trace.accesses.size(); ++at) {
      const Access& access = trace.accesses[at];
      const bool hit = cache.access(access);
      if (at < warm) continue;
      bytes += access.bytes;
      hits += hit ? 1 : 0;
      bytes_hit += hit ? access.bytes : 0;
    }
    std::printf("%s  {\"capacity\": %s, \"hit_ratio\": %.5f, \"byte_hit_ratio\": %.5f}", separator,
                capacity,
                static_cast<double>(hits) / static_cast<double>(trace.accesses.size() - warm),
                static_cast<double>(bytes_hit) / static_cast<double>(bytes));
    separator = ",\n";
  }
  std::printf("\n]\n");
}

void run_tiers(const Trace& trace, uint64_t memory, uint64_t disk) {
  const char* separator = "[\n";
  for (const AdmitRule& rule : kAdmitRules) {
    TwoTiers tiers(rule.admit, memory, disk, trace.objects);
    for (size_t at = 0; at < trace.accesses.size(); ++at) {
      if (at == trace.accesses.size() / kWarmUpShare) tiers.forget_counts();
      tiers.access(trace.accesses[at]);
    }
    const TierCounts& counts = tiers.counts();
    const auto requests = static_cast<double>(counts.requests);
    const auto bytes = static_cast<double>(counts.bytes);
    std::printf(
        "%s  {\"rule\": \"%s\", \"memory\": %.5f, \"disk\": %.5f, \"store\": %.5f, \"written\": "
        "%.5f}",
        separator, rule.name, static_cast<double>(counts.memory_hits) / requests,
        static_cast<double>(counts.disk_hits) / requests,
        static_cast<double>(counts.store_bytes) / bytes,
        static_cast<double>(counts.written_bytes) / bytes);
    separator = ",\n";
  }
  std::printf("\n]\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 2 ? argv[1] : "";
  try {
    if (word == "make" && argc == 4) {
      make(argv[2], std::strtoull(argv[3], nullptr, 10));
    } else if (word == "size") {
      std::printf("{\"bytes\": %llu}\n",
                  static_cast<unsigned long long>(read_trace(argv[2]).bytes));
    } else if (word == "disk" && argc == 5) {
      run_tiers(read_trace(argv[2]), std::strtoull(argv[3], nullptr, 10),
                std::strtoull(argv[4], nullptr, 10));
    } else if (word == "run") {
      run(read_trace(argv[2]), std::span(argv, static_cast<size_t>(argc)).subspan(3));
    } else {
      std::fprintf(stderr,
                   "usage: replay make FOLDER REQUESTS | run FILE CAPACITY... |"
                   " disk FILE MEMORY DISK | size FILE\n");
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
