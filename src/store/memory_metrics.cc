#include "store/memory_metrics.h"

#include <concepts>

#include "store/ghost_metrics.h"

namespace cachey::store {
namespace {

double to_double(std::integral auto number) { return static_cast<double>(number); }

}  // namespace

MemoryTierConfig with_metrics(MemoryTierConfig config, Metrics& metrics) {
  const auto waits = [&metrics](const char* place) {
    return metrics.fine_histogram("cachey_memory_wait_seconds",
                                  "How long requests waited for memory, of those that had to",
                                  latency_bounds(), {{"place", place}}, FineHistogram::Parts::kOne);
  };
  config.waits = {waits("fill"), waits("page"), waits("disk_read"), waits("allocation")};
  return config;
}

void add_memory_metrics(Metrics& metrics, const MemoryTier& memory) {
  const MemoryTierStats& stats = memory.stats();
  metrics.read_gauge("cachey_memory_limit_bytes", "The memory budget",
                     [&memory] { return to_double(memory.limit_bytes()); });
  metrics.read_gauge("cachey_memory_used_bytes", "Memory of whole pages and fills",
                     [&memory] { return to_double(memory.used_bytes()); });
  metrics.read_gauge("cachey_memory_bookkeeping_bytes",
                     "What pages, the disk's index and connections take of the budget beside that",
                     [&memory] { return to_double(memory.charged_bytes()); });
  metrics.read_gauge("cachey_memory_admitted_bytes", "The most that the fills in flight may need",
                     [&memory] { return to_double(memory.admitted_bytes()); });
  metrics.read_gauge("cachey_memory_waiting_fills", "Fills that wait for their share of memory",
                     [&memory] { return to_double(memory.waiting()); });
  metrics.read_gauge("cachey_memory_pages", "Whole pages in memory", reader_of(stats.pages));
  metrics.read_counter("cachey_memory_insertions_total", "Pages that became whole in memory",
                       reader_of(stats.insertions));
  metrics.read_counter("cachey_memory_evictions_total", "Pages that left memory for others",
                       reader_of(stats.evictions));
  metrics.read_counter("cachey_memory_refused_total", "Fills that found no memory in time",
                       [&memory] { return to_double(memory.refused()); });
  const auto refusals = [&](const char* cause, Admissions::Refusal refusal) {
    metrics.read_counter("cachey_admission_refusals_total",
                         "Misses that were refused for a queue, by queue and cause",
                         [&memory, refusal] { return to_double(memory.refused(refusal)); },
                         {{"cause", cause}, {"queue", "memory"}});
  };
  refusals("forecast", Admissions::Refusal::kForecast);
  refusals("timeout", Admissions::Refusal::kTimeout);
  refusals("too_many", Admissions::Refusal::kTooMany);
  const char* const drops = "Pages that are kept no longer, by cause";
  metrics.read_counter("cachey_page_drops_total", drops, reader_of(stats.evictions),
                       {{"cause", "evicted"}});
  metrics.read_counter("cachey_page_drops_total", drops, reader_of(stats.discards),
                       {{"cause", "changed"}});
  add_ghost_metrics(metrics, "memory", [&memory] { return memory.ghost_hits(); });
}

}  // namespace cachey::store
