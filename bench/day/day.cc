// A day of reads from a simulated object store, in virtual time: by the server's own classes and by
// other rules. `./dev bench day` draws the result. Prints JSON: one row per rule and kind.

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/units.h"
#include "day/reads.h"
#include "day/store.h"
#include "rt/testing/virtual_worker.h"

namespace {

using namespace cachey;         // NOLINT
using namespace cachey::bench;  // NOLINT
using namespace std::chrono_literals;

constexpr uint64_t kSeed = 1;
// Kinds: small objects all day long; batches of many pages at once, every ten minutes.
constexpr double kSmallReadsPerSecond = 2;
constexpr int kBatchMinutes = 10;
constexpr int kBatchPages = 400;
constexpr uint32_t kGateRequests = 64;
constexpr double kQuantiles[] = {0.5, 0.9, 0.99, 0.999};

struct Way {
  const char* name;
  const char* what;
  double hedge_quantile;
  uint32_t gate_requests;
  decltype(&read_page) read;
};

constexpr Way kWays[] = {
    {"none", "no second requests", 0, 0, read_page},
    {"naive", "second request when the body exceeds the first-byte quantile", 0.99, 0,
     naive_read_page},
    {"hedged", "by progress, within a budget", 0.99, 0, read_page},
    {"gated", "the same, 64 requests a bucket at a time", 0.99, kGateRequests, read_page},
};

struct Kind {
  std::vector<double> first_byte;
  std::vector<double> last_byte;
  uint64_t failed = 0;
  uint64_t bytes = 0;  // delivered
};

class Day {
 public:
  Day(const Way& way, double hours)
      : way_(way),
        hours_(hours),
        store_(kSeed, world_.clock()),
        buckets_(way.hedge_quantile, world_.clock(), metrics_),
        gate_({.requests = way.gate_requests}, world_.clock(), metrics_) {
    for (const char* kind : {"small", "batch"}) gate_.declare(kind, both_buckets());
  }

  void run() {
    world_.worker().tasks().spawn(small_reads());
    world_.worker().tasks().spawn(batches());
    while (world_.worker().tasks().size() > 0) world_.pass(1s);
  }

  void print(const char*& separator) {
    uint64_t delivered = 0;
    uint64_t reads = 0;
    for (auto& [name, kind] : kinds_) {
      delivered += kind.bytes;
      reads += kind.last_byte.size() + kind.failed;
    }
    for (auto& [name, kind] : kinds_) {
      std::printf("%s  {\"way\": \"%s\", \"what\": \"%s\", \"kind\": \"%s\", \"reads\": %zu, ",
                  separator, way_.name, way_.what, name.c_str(),
                  kind.last_byte.size() + static_cast<size_t>(kind.failed));
      std::printf("\"failed\": %llu, ", static_cast<unsigned long long>(kind.failed));
      print_quantiles("first_byte", kind.first_byte);
      print_quantiles("last_byte", kind.last_byte);
      const double all = static_cast<double>(delivered);
      std::printf("\"gets_per_read\": %.4f, \"bytes_wasted\": %.5f}",
                  static_cast<double>(store_.requests()) / static_cast<double>(reads),
                  (static_cast<double>(store_.bytes()) - all) / all);
      separator = ",\n";
    }
  }

 private:
  rt::Task<void> small_reads() {
    std::mt19937_64 random(kSeed);
    std::exponential_distribution<double> gap(kSmallReadsPerSecond);
    std::lognormal_distribution<double> size(std::log(128.0 * kKiB), 1);
    const MonoTime end = world_.clock().mono() + std::chrono::minutes(int(60 * hours_));
    while (world_.clock().mono() < end) {
      co_await world_.worker().timers().sleep(std::chrono::milliseconds(int(1000 * gap(random))));
      start("small", std::min<uint64_t>(uint64_t(size(random)) + 1, 4 * kMiB));
    }
  }

  rt::Task<void> batches() {
    const MonoTime end = world_.clock().mono() + std::chrono::minutes(int(60 * hours_));
    while (world_.clock().mono() < end) {
      for (int i = 0; i < kBatchPages; ++i) start("batch", kPageBytes);
      co_await world_.worker().timers().sleep(std::chrono::minutes(kBatchMinutes));
    }
  }

  void start(const char* kind, uint64_t bytes) { world_.worker().tasks().spawn(one(kind, bytes)); }

  rt::Task<void> one(std::string kind, uint64_t bytes) {
    const std::string key = kind + "/" + std::to_string(bytes);
    const Outcome outcome =
        co_await way_.read(context_, world_.worker(), both_buckets(), kind, key);
    Kind& counted = kinds_[kind];
    if (!outcome.whole) {
      ++counted.failed;
      co_return;
    }
    counted.bytes += bytes;
    counted.first_byte.push_back(outcome.first_byte);
    counted.last_byte.push_back(outcome.last_byte);
  }

  static std::vector<std::string> both_buckets() { return {"a", "b"}; }

  static void print_quantiles(const char* name, std::vector<double>& times) {
    std::sort(times.begin(), times.end());
    std::printf("\"%s\": {", name);
    const char* between = "";
    for (const double quantile : kQuantiles) {
      std::printf("%s\"%g\": %.3f", between, quantile, at(times, quantile));
      between = ", ";
    }
    std::printf(", \"curve\": [");
    between = "";
    for (double rest = 1; rest >= 1e-4; rest /= 1.25) {
      std::printf("%s[%.5f, %.3f]", between, rest, at(times, 1 - rest));
      between = ", ";
    }
    std::printf("]}, ");
  }

  static double at(const std::vector<double>& sorted, double quantile) {
    if (sorted.empty()) return 0;
    const auto index = static_cast<size_t>(quantile * static_cast<double>(sorted.size()));
    return sorted[std::min(index, sorted.size() - 1)];
  }

  const Way way_;
  const double hours_;
  rt::VirtualWorker world_;
  Metrics metrics_;
  Store store_;
  origin::Buckets buckets_;
  origin::Gate gate_;
  origin::ReadMetrics read_metrics_{metrics_};
  const origin::ReadContext context_{store_, buckets_, gate_, read_metrics_};
  std::map<std::string, Kind> kinds_;
};

}  // namespace

int main(int argc, char** argv) {
  const double hours = argc > 1 ? std::strtod(argv[1], nullptr) : 24;
  const bool progress = isatty(STDERR_FILENO) != 0;
  const char* separator = "[\n";
  for (const Way& way : kWays) {
    if (progress) std::fprintf(stderr, "\r%-10s", way.name);
    Day day(way, hours);
    day.run();
    day.print(separator);
  }
  std::printf("\n]\n");
  if (progress) std::fprintf(stderr, "\r%10s\r", "");
  return 0;
}
