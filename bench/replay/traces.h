#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace cachey::bench {

/// A request of a trace: the object (dense numbers from 0) and its size, which is constant.
struct Access {
  uint32_t object;
  uint32_t bytes;
};

/// A synthetic sequence of requests, made from a seed.
struct Trace {
  std::string name;
  std::string what;  ///< one line for a reader
  std::vector<Access> accesses;
  size_t objects = 0;  ///< object numbers are below this
  /// Of the working set: all objects, without those that only a scan reads or that are deleted.
  uint64_t bytes = 0;
};

[[nodiscard]] std::vector<std::string> replay_traces();

/// `accesses`: the approximate number of requests.
[[nodiscard]] Trace make_trace(const std::string& name, size_t accesses, uint64_t seed);

// For the makers of traces.

constexpr uint32_t kTracePageBytes = 16 << 20;

/// Draws ranks from 0 by Zipf's law: rank r has the weight 1 / (r + 1)^alpha.
class Zipf {
 public:
  Zipf(size_t ranks, double alpha);
  uint32_t operator()(std::mt19937_64& random) const;

 private:
  std::vector<double> upto_;
};

/// A number from 0 to `below` - 1.
[[nodiscard]] uint32_t draw(std::mt19937_64& random, size_t below);
/// A size from the object's number, log-uniform: as many objects between 4 and 8 KiB as between 8
/// and 16 MiB.
[[nodiscard]] uint32_t mixed_size(uint32_t object, double log2_min, double log2_max);

// Jobs over data sets (job_traces.cc).
[[nodiscard]] Trace shuffled_epochs(size_t accesses, size_t jobs, std::mt19937_64& random);
[[nodiscard]] Trace parquet(size_t accesses, std::mt19937_64& random);
[[nodiscard]] Trace lsm(size_t accesses, std::mt19937_64& random);
[[nodiscard]] Trace time_series(size_t accesses, std::mt19937_64& random);
[[nodiscard]] Trace parts_and_pages(size_t accesses, std::mt19937_64& random);

}  // namespace cachey::bench
