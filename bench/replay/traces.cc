#include "replay/traces.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace cachey::bench {
namespace {

constexpr size_t kObjects = 50'000;

Trace zipf(size_t accesses, double alpha, bool mixed, std::mt19937_64& random) {
  Trace trace;
  trace.objects = kObjects;
  std::vector<uint32_t> sizes(kObjects, kTracePageBytes);
  for (uint32_t i = 0; mixed && i < kObjects; ++i) sizes[i] = mixed_size(i, 12, 24);
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
      for (size_t i = 0; i < kScanObjects; ++i)
        with_scans.push_back({static_cast<uint32_t>(trace.objects++), kTracePageBytes});
    }
    with_scans.push_back(trace.accesses[at]);
  }
  trace.accesses = std::move(with_scans);
  return trace;
}

/// Zipf, and four backups: each reads every page once, in an order that knows no popularity,
/// between other requests.
Trace backups(size_t accesses, std::mt19937_64& random) {
  Trace trace = zipf(accesses, 0.9, false, random);
  constexpr size_t kBackups = 4;
  std::vector<uint32_t> order(kObjects);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, random);
  const size_t between = trace.accesses.size() / kBackups;
  std::vector<Access> with_backups;
  for (size_t at = 0; at < trace.accesses.size(); ++at) {
    if (at % between < kObjects) with_backups.push_back({order[at % between], kTracePageBytes});
    with_backups.push_back(trace.accesses[at]);
  }
  trace.accesses = std::move(with_backups);
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

/// A loop over a whole data set, always in the same order.
Trace loop(size_t accesses) {
  constexpr size_t kLoop = 10'000;
  Trace trace;
  trace.objects = kLoop;
  trace.bytes = uint64_t{kLoop} * kTracePageBytes;
  while (trace.accesses.size() < accesses)
    trace.accesses.push_back(
        {static_cast<uint32_t>(trace.accesses.size() % kLoop), kTracePageBytes});
  return trace;
}

/// A loop over one data set, beside Zipf requests for another.
Trace loop_and_zipf(size_t accesses, std::mt19937_64& random) {
  Trace trace = zipf(accesses, 0.9, false, random);
  constexpr uint32_t kLoop = 20'000;
  for (size_t at = 0, turn = 0; at < trace.accesses.size(); at += 4, ++turn)
    trace.accesses[at] = {static_cast<uint32_t>(kObjects + turn % kLoop), kTracePageBytes};
  trace.objects += kLoop;
  trace.bytes += uint64_t{kLoop} * kTracePageBytes;
  return trace;
}

struct Maker {
  const char* name;
  const char* what;
  std::function<Trace(size_t, std::mt19937_64&)> make;
};

const std::vector<Maker>& makers() {
  using Random = std::mt19937_64;
  static const std::vector<Maker> kMakers = {
      {"zipf-0.7", "Zipf 0.7 over 50,000 pages",
       [](size_t n, Random& random) { return zipf(n, 0.7, false, random); }},
      {"zipf-0.9", "Zipf 0.9 over 50,000 pages",
       [](size_t n, Random& random) { return zipf(n, 0.9, false, random); }},
      {"zipf-1.1", "Zipf 1.1 over 50,000 pages",
       [](size_t n, Random& random) { return zipf(n, 1.1, false, random); }},
      {"zipf-sizes", "Zipf 0.9, objects of 4 KiB to 16 MiB",
       [](size_t n, Random& random) { return zipf(n, 0.9, true, random); }},
      {"zipf-scan", "Zipf 0.9 and ten scans of 10,000 pages each", zipf_and_scans},
      {"backup", "Zipf 0.9 and four backups that read every page", backups},
      {"shifting", "Zipf 0.9, other favourites eight times", shifting},
      {"loop", "epochs over 10,000 pages in one order", [](size_t n, Random&) { return loop(n); }},
      {"shuffled", "epochs over 10,000 pages, shuffled anew",
       [](size_t n, Random& random) { return shuffled_epochs(n, 1, random); }},
      {"jobs", "four jobs out of step, with shuffled epochs over the same 10,000 pages",
       [](size_t n, Random& random) { return shuffled_epochs(n, 4, random); }},
      {"loop-zipf", "a quarter loops over 20,000 pages, the rest Zipf 0.9", loop_and_zipf},
      {"parquet", "queries of Parquet files: footers and column chunks", parquet},
      {"lsm", "an LSM tree: point reads beside compactions", lsm},
      {"time-series", "time series: a moving window and old days", time_series},
      {"parts", "small objects, parts of pages and whole pages", parts_and_pages},
  };
  return kMakers;
}

}  // namespace

Zipf::Zipf(size_t ranks, double alpha) : upto_(ranks) {
  double sum = 0;
  for (size_t rank = 0; rank < ranks; ++rank)
    upto_[rank] = sum += std::pow(static_cast<double>(rank + 1), -alpha);
}

uint32_t Zipf::operator()(std::mt19937_64& random) const {
  const double at = std::uniform_real_distribution<>(0, upto_.back())(random);
  return static_cast<uint32_t>(std::ranges::lower_bound(upto_, at) - upto_.begin());
}

uint32_t draw(std::mt19937_64& random, size_t below) {
  return static_cast<uint32_t>(std::uniform_int_distribution<size_t>(0, below - 1)(random));
}

uint32_t mixed_size(uint32_t object, double log2_min, double log2_max) {
  std::mt19937_64 random(object);
  return static_cast<uint32_t>(
      std::exp2(std::uniform_real_distribution<>(log2_min, log2_max)(random)));
}

std::vector<std::string> replay_traces() {
  std::vector<std::string> names;
  for (const Maker& maker : makers()) names.emplace_back(maker.name);
  return names;
}

Trace make_trace(const std::string& name, size_t accesses, uint64_t seed) {
  const auto maker = std::ranges::find(makers(), name, &Maker::name);
  if (maker == makers().end()) throw std::invalid_argument("no such trace: " + name);
  std::mt19937_64 random(seed);
  Trace trace = maker->make(accesses, random);
  trace.name = name;
  trace.what = maker->what;
  return trace;
}

}  // namespace cachey::bench
