#include "replay/traces.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace cachey::bench {
namespace {

constexpr uint32_t kPageBytes = 16 << 20;
constexpr size_t kObjects = 50'000;

/// Draws ranks from 0 by Zipf's law: rank r has the weight 1 / (r + 1)^alpha.
class Zipf {
 public:
  Zipf(size_t ranks, double alpha) : upto_(ranks) {
    double sum = 0;
    for (size_t rank = 0; rank < ranks; ++rank) {
      upto_[rank] = sum += std::pow(static_cast<double>(rank + 1), -alpha);
    }
  }
  uint32_t operator()(std::mt19937_64& random) const {
    const double at = std::uniform_real_distribution<>(0, upto_.back())(random);
    return static_cast<uint32_t>(std::ranges::lower_bound(upto_, at) - upto_.begin());
  }

 private:
  std::vector<double> upto_;
};

/// The size of an object, from its number: 4 KiB to a whole page, log-uniform (as many objects
/// between 4 and 8 KiB as between 8 and 16 MiB).
uint32_t mixed_size(uint32_t object) {
  std::mt19937_64 random(object);
  return static_cast<uint32_t>(std::exp2(std::uniform_real_distribution<>(12, 24)(random)));
}

Trace zipf(size_t accesses, double alpha, bool mixed, std::mt19937_64& random) {
  Trace trace;
  trace.objects = kObjects;
  std::vector<uint32_t> sizes(kObjects, kPageBytes);
  for (uint32_t i = 0; mixed && i < kObjects; ++i) sizes[i] = mixed_size(i);
  for (const uint32_t size : sizes) trace.bytes += size;
  const Zipf ranks(kObjects, alpha);
  while (trace.accesses.size() < accesses) {
    const uint32_t object = ranks(random);
    trace.accesses.push_back({object, sizes[object]});
  }
  return trace;
}

/// Zipf, and scans at intervals: objects that are read once and never again.
Trace zipf_and_scans(size_t accesses, std::mt19937_64& random) {
  Trace trace = zipf(accesses, 0.9, false, random);
  constexpr size_t kScans = 10;
  constexpr size_t kScanObjects = 10'000;
  std::vector<Access> with_scans;
  const size_t between = trace.accesses.size() / kScans;
  for (size_t at = 0; at < trace.accesses.size(); ++at) {
    if (at % between == between / 2) {
      for (size_t i = 0; i < kScanObjects; ++i) {
        with_scans.push_back({static_cast<uint32_t>(trace.objects++), kPageBytes});
      }
    }
    with_scans.push_back(trace.accesses[at]);
  }
  trace.accesses = std::move(with_scans);
  return trace;
}

/// Zipf with a set of popular objects that changes at intervals.
Trace shifting(size_t accesses, std::mt19937_64& random) {
  Trace trace = zipf(accesses, 0.9, false, random);
  constexpr size_t kShifts = 8;
  for (size_t at = 0; at < trace.accesses.size(); ++at) {
    const size_t shift = at * kShifts / trace.accesses.size() * (kObjects / kShifts);
    trace.accesses[at].object =
        static_cast<uint32_t>((trace.accesses[at].object + shift) % kObjects);
  }
  return trace;
}

/// Training jobs: a loop over a whole data set, always in the same order.
Trace loop(size_t accesses) {
  constexpr size_t kLoop = 10'000;
  Trace trace;
  trace.objects = kLoop;
  trace.bytes = uint64_t{kLoop} * kPageBytes;
  while (trace.accesses.size() < accesses) {
    trace.accesses.push_back({static_cast<uint32_t>(trace.accesses.size() % kLoop), kPageBytes});
  }
  return trace;
}

/// A loop over one data set, beside Zipf requests for another.
Trace loop_and_zipf(size_t accesses, std::mt19937_64& random) {
  Trace trace = zipf(accesses, 0.9, false, random);
  constexpr uint32_t kLoop = 20'000;
  for (size_t at = 0, turn = 0; at < trace.accesses.size(); at += 4, ++turn) {
    trace.accesses[at] = {static_cast<uint32_t>(kObjects + turn % kLoop), kPageBytes};
  }
  trace.objects += kLoop;
  trace.bytes += uint64_t{kLoop} * kPageBytes;
  return trace;
}

}  // namespace

std::vector<std::string> replay_traces() {
  return {"zipf-0.7",  "zipf-0.9", "zipf-1.1", "zipf-sizes",
          "zipf-scan", "shifting", "loop",     "loop-zipf"};
}

Trace make_trace(const std::string& name, size_t accesses, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto named = [&](Trace trace, const char* what) {
    trace.name = name;
    trace.what = what;
    return trace;
  };
  if (name == "zipf-0.7")
    return named(zipf(accesses, 0.7, false, random), "Zipf 0.7 over 50,000 pages");
  if (name == "zipf-0.9")
    return named(zipf(accesses, 0.9, false, random), "Zipf 0.9 over 50,000 pages");
  if (name == "zipf-1.1")
    return named(zipf(accesses, 1.1, false, random), "Zipf 1.1 over 50,000 pages");
  if (name == "zipf-sizes") {
    return named(zipf(accesses, 0.9, true, random), "Zipf 0.9, objects of 4 KiB to 16 MiB");
  }
  if (name == "zipf-scan") {
    return named(zipf_and_scans(accesses, random), "Zipf 0.9 and ten scans of 10,000 pages each");
  }
  if (name == "shifting")
    return named(shifting(accesses, random), "Zipf 0.9, other favourites eight times");
  if (name == "loop")
    return named(loop(accesses), "10,000 pages in the same order again and again");
  if (name == "loop-zipf") {
    return named(loop_and_zipf(accesses, random),
                 "a quarter loops over 20,000 pages, the rest Zipf 0.9");
  }
  throw std::invalid_argument("no such trace: " + name);
}

}  // namespace cachey::bench
