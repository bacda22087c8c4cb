#include <algorithm>
#include <numeric>
#include <utility>

#include "replay/traces.h"

namespace cachey::bench {
namespace {

/// Gives numbers to new objects and adds requests for them.
class Recorder {
 public:
  explicit Recorder(size_t accesses) : wanted_(accesses) {}

  [[nodiscard]] bool is_full() const { return trace_.accesses.size() >= wanted_; }
  [[nodiscard]] size_t size() const { return trace_.accesses.size(); }
  uint32_t create(uint32_t bytes) {
    sizes_.push_back(bytes);
    return static_cast<uint32_t>(sizes_.size() - 1);
  }
  void read(uint32_t object) { trace_.accesses.push_back({object, sizes_[object]}); }

  /// `working_set`: 0 for the bytes of all objects.
  Trace finish(uint64_t working_set) {
    trace_.objects = sizes_.size();
    trace_.bytes =
        working_set != 0 ? working_set : std::accumulate(sizes_.begin(), sizes_.end(), uint64_t{0});
    return std::move(trace_);
  }

 private:
  const size_t wanted_;
  Trace trace_;
  std::vector<uint32_t> sizes_;
};

}  // namespace

/// Training jobs that read a data set in epochs, each in an order of its own. The jobs begin one
/// after the other and read at the same rate.
Trace shuffled_epochs(size_t accesses, size_t jobs, std::mt19937_64& random) {
  constexpr size_t kPages = 10'000;
  Recorder out(accesses);
  std::vector<uint32_t> pages(kPages);
  for (uint32_t& page : pages) page = out.create(kTracePageBytes);
  struct Job {
    std::vector<uint32_t> order;
    size_t at = 0;
  };
  std::vector<Job> running;
  while (!out.is_full()) {
    if (running.size() < jobs && out.size() >= running.size() * kPages / jobs)
      running.push_back({pages, kPages});
    Job& job = running[draw(random, running.size())];
    if (job.at == kPages) {
      std::ranges::shuffle(job.order, random);
      job.at = 0;
    }
    out.read(job.order[job.at++]);
  }
  return out.finish(0);
}

/// Tables of 40 files. A file has a footer and 16 column chunks. A query reads the footers of a
/// table's files, or of its newest ones, and one to four columns of each.
Trace parquet(size_t accesses, std::mt19937_64& random) {
  constexpr size_t kTables = 150;
  constexpr size_t kFiles = 40;
  constexpr size_t kColumns = 16;
  constexpr uint32_t kFooterBytes = 64 << 10;
  Recorder out(accesses);
  struct File {
    uint32_t footer;
    std::vector<uint32_t> chunks;
  };
  std::vector<std::vector<File>> tables(kTables);
  for (auto& files : tables) {
    std::vector<uint32_t> sizes(kColumns);
    for (uint32_t& size : sizes) size = mixed_size(draw(random, kTracePageBytes), 18, 23);
    for (size_t i = 0; i < kFiles; ++i) {
      File& file = files.emplace_back(File{out.create(kFooterBytes), {}});
      for (const uint32_t size : sizes) file.chunks.push_back(out.create(size));
    }
  }
  const Zipf table_ranks(kTables, 0.9);
  const Zipf column_ranks(kColumns, 0.9);
  while (!out.is_full()) {
    const auto& files = tables[table_ranks(random)];
    const size_t first = draw(random, 2) == 0 ? 0 : kFiles - 8;
    for (size_t i = first; i < kFiles; ++i) out.read(files[i].footer);
    const size_t columns = 1 + draw(random, 4);
    std::vector<uint32_t> chosen;
    for (size_t i = 0; i < columns; ++i) chosen.push_back(column_ranks(random));
    std::ranges::sort(chosen);
    chosen.erase(std::ranges::unique(chosen).begin(), chosen.end());
    for (size_t i = first; i < kFiles; ++i)
      for (const uint32_t column : chosen) out.read(files[i].chunks[column]);
  }
  return out.finish(0);
}

/// 2,500 sorted files of four pages. Point reads are by Zipf over the key space. A compaction
/// reads eleven neighbours in order and writes new files: later point reads are of the new pages.
Trace lsm(size_t accesses, std::mt19937_64& random) {
  constexpr size_t kPages = 10'000;
  constexpr size_t kCompacted = 44;
  constexpr size_t kReadsBetween = 250;
  Recorder out(accesses);
  std::vector<uint32_t> pages(kPages);  // by the place in the key space
  for (uint32_t& page : pages) page = out.create(kTracePageBytes);
  std::vector<uint32_t> places(kPages);  // of each rank of popularity
  std::iota(places.begin(), places.end(), 0);
  std::ranges::shuffle(places, random);
  const Zipf ranks(kPages, 0.9);
  while (!out.is_full()) {
    const size_t first = draw(random, kPages - kCompacted);
    for (size_t i = 0; i < kReadsBetween; ++i) {
      // The compaction goes on beside the point reads.
      if (i < kCompacted) out.read(pages[first + i]);
      out.read(pages[places[ranks(random)]]);
    }
    for (size_t i = 0; i < kCompacted; ++i) pages[first + i] = out.create(kTracePageBytes);
  }
  return out.finish(uint64_t{kPages} * kTracePageBytes);
}

/// Pages come in order of time. Most reads are of the newest pages; a dashboard reads the window of
/// the last 1,500 pages from its begin to its end, again and again; others read runs of old pages.
Trace time_series(size_t accesses, std::mt19937_64& random) {
  constexpr size_t kOldPages = 5'000;
  constexpr size_t kReadsPerPage = 50;
  constexpr size_t kWindow = 1'500;
  constexpr size_t kRun = 30;
  Recorder out(accesses);
  for (size_t i = 0; i < kOldPages; ++i) (void)out.create(kTracePageBytes);
  uint32_t newest = kOldPages;
  uint32_t dashboard = kOldPages - kWindow;
  uint32_t old = 0;
  size_t left_of_run = 0;
  std::exponential_distribution<> age(1.0 / 300);
  for (size_t at = 0; !out.is_full(); ++at) {
    if (at % kReadsPerPage == 0) newest = out.create(kTracePageBytes);
    const uint32_t kind = draw(random, 10);
    if (kind < 5) {
      out.read(newest - std::min(newest, static_cast<uint32_t>(age(random))));
    } else if (kind < 8) {
      if (dashboard >= newest) dashboard = newest - kWindow;
      out.read(++dashboard);
    } else {
      if (left_of_run == 0) old = draw(random, newest - kRun);
      left_of_run = (left_of_run + 1) % kRun;
      out.read(old++);
    }
  }
  return out.finish(0);
}

/// Small objects of 4 KiB to 1 MiB, parts of 64 KiB to 1 MiB of pages, and whole pages, each by
/// Zipf's law.
Trace parts_and_pages(size_t accesses, std::mt19937_64& random) {
  constexpr size_t kSmall = 60'000;
  constexpr size_t kParts = 30'000;
  constexpr size_t kPages = 4'000;
  Recorder out(accesses);
  for (uint32_t i = 0; i < kSmall; ++i) (void)out.create(mixed_size(i, 12, 20));
  for (uint32_t i = 0; i < kParts; ++i) (void)out.create(mixed_size(kSmall + i, 16, 20));
  for (uint32_t i = 0; i < kPages; ++i) (void)out.create(kTracePageBytes);
  const Zipf small(kSmall, 1.0);
  const Zipf parts(kParts, 0.8);
  const Zipf pages(kPages, 0.8);
  while (!out.is_full()) {
    const uint32_t kind = draw(random, 10);
    if (kind < 4) {
      out.read(small(random));
    } else if (kind < 8) {
      out.read(static_cast<uint32_t>(kSmall) + parts(random));
    } else {
      out.read(static_cast<uint32_t>(kSmall + kParts) + pages(random));
    }
  }
  return out.finish(0);
}

}  // namespace cachey::bench
