// Measures the opening of a disk tier with many small pages:
//
//   build/release/bench/disk_open FILE [PAGES [PAGES_PER_OBJECT [shared|mixed]]]
//
// Makes FILE (sparse, removed at the end) with the index of PAGES pages (default 1,000,000) of 4
// KiB, as the tier writes the index, without the bytes of the pages. An object has PAGES_PER_OBJECT
// of them (default 1). `shared`: the objects' attributes are one of 10 texts of 200 bytes. `mixed`:
// so are those of 9 objects in 10, and the others have a text of their own. Opens the file in a
// separate process with the server's heap, and prints the time, the CPU time and the growth of the
// process. Exit 1: not all pages were found. On a busy machine `chrt -f 1` and a FILE in /dev/shm
// leave only the program's own time.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/attributes_pool.h"
#include "base/check.h"
#include "base/random.h"
#include "rt/blocking_pool.h"
#include "store/disk/catalog.h"
#include "store/disk/disk_file.h"
#include "store/disk/disk_tier.h"
#include "store/disk/file_device.h"
#include "store/disk/superblock.h"

namespace cachey::store {
namespace {

constexpr uint32_t kPageSize = 4096;
constexpr const char* kEtag = "\"9b2cf535f27731c974343645a3985328\"";

PageRecord record_of(const std::string& key) {
  PageRecord record;
  record.object = object_id("bench", key);
  record.object_size = kPageSize;
  record.last_modified = 1;
  record.bytes = kPageSize;
  record.kind = "bench";
  record.key = key;
  record.bucket = "bench";
  record.etag = kEtag;
  return record;
}

/// Makes the store: journal and superblock as the tier writes them.
class Maker {
 public:
  explicit Maker(BlockDevice& device) : device_(device) {
    superblock_.store_id = 1;
    superblock_.capacity = device.size();
    superblock_.segment_units = kSegmentUnits;
  }

  void make(uint32_t pages, uint32_t pages_per_object, std::string_view attributes) {
    for (uint32_t i = 0; i < pages; ++i) {
      const std::string key =
          "some/prefix/of/usual/length/object-" + std::to_string(i / pages_per_object);
      PageRecord record = record_of(key);
      record.at = PageAt::page(i % pages_per_object);
      const ObjectSource source{
          {kEtag, kPageSize, record.last_modified, attributes_of(i / pages_per_object, attributes)},
          std::string(record.bucket)};
      const PlaceRequest request{record.object, record.at, kPageSize, source};
      SpaceSearch search;
      DiskEntry& entry = **catalog_.place(request, search);
      record.generation = entry.generation;
      const Listed listed =
          catalog_.list(entry, encode_page_record(record, entry.extents(), entry.sums()));
      CHECK(listed == Listed::kYes);
      catalog_.release(entry);
      if (i % kPagesPerBatch == 0) write_pending();
    }
    write_pending();
    superblock_.segments.assign(journal_.segments().begin(), journal_.segments().end());
    CHECK(write_superblock(device_, superblock_).ok());
  }

 private:
  static constexpr uint32_t kSegmentUnits = 1024;
  static constexpr uint32_t kPagesPerBatch = 1024;

  [[nodiscard]] ObjectAttributesPtr attributes_of(uint32_t object, std::string_view which) {
    if (which.empty()) return nullptr;
    const bool own = which == "mixed" && object % 10 == 0;
    const std::string number =
        own ? std::to_string(object) : "shared-" + std::to_string(object % 10);
    return pool_.intern(
        ObjectAttributes("Content-Type: application/octet-stream\r\nx-amz-meta-it: " +
                             std::string(128 - number.size(), 'x') + number + "\r\n",
                         ""));
  }

  void write_pending() {
    while (true) {
      if (journal_.needs_segment()) {
        SpaceSearch search;
        const auto run = catalog_.place_segment(kSegmentUnits, search);
        CHECK(run);
        journal_.begin_segment(run->first);
      }
      const auto batch = journal_.next_batch(catalog_.finder());
      if (!batch) return;
      CHECK(device_.write_now(batch->offset, batch->blocks.bytes()).ok());
      journal_.on_disk(*batch);
    }
  }

  BlockDevice& device_;
  AttributesPool pool_;
  Superblock superblock_;
  Journal journal_{StoreLife{1, 1}, kSegmentUnits};
  Catalog catalog_{
      CatalogLimits{units_for(kDataOffset), static_cast<uint32_t>(device_.size() / kUnitBytes)},
      journal_};
};

struct Cost {
  std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now();
  rusage used{};
  Cost() { ::getrusage(RUSAGE_SELF, &used); }

  [[nodiscard]] double cpu_seconds() const {
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  }
};

bool open_store(const DiskPath& path, uint32_t pages) {
  auto file = DiskFile::open(path, DiskFile::Access::kReadWrite);
  CHECK(file);
  rt::BlockingPool pool(1);
  FileDevice device(std::move(*file), pool);
  const SystemClock clock;
  SystemRandom random;
  const Cost before;
  AttributesPool attributes;
  DiskTierConfig config;
  config.intern = [&attributes](ObjectAttributes text) {
    return attributes.intern(std::move(text));
  };
  auto tier = DiskTier::open(device, config, DiskTier::Start::kKeep, clock, random);
  CHECK(tier);
  (*tier)->recover();
  const Cost after;
  const DiskUsage usage = (*tier)->usage();
  const auto known = (*tier)->version_of("bench", "some/prefix/of/usual/length/object-0");
  if (known->info.attributes != nullptr) CHECK(known->info.attributes->bytes() > 150);
  std::printf("opened %lu pages in %.3f s, %.3f CPU-s; grew by %ld MiB (%ld bytes a page)\n",
              usage.pages, std::chrono::duration<double>(after.at - before.at).count(),
              after.cpu_seconds() - before.cpu_seconds(),
              (after.used.ru_maxrss - before.used.ru_maxrss) / 1024,
              (after.used.ru_maxrss - before.used.ru_maxrss) * 1024 / std::max(1u, pages));
  (void)tier->release();  // the process ends
  return usage.pages == pages;
}

/// Runs `work` in a separate process, so that its memory is measured apart from the caller's.
template <typename Work>
bool apart(Work work) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    const bool well = work();
    std::fflush(stdout);
    ::_exit(well ? 0 : 1);
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return status == 0;
}

int run(const std::string& path, uint32_t pages, uint32_t pages_per_object,
        std::string_view attributes) {
  const uint64_t bytes = std::max<uint64_t>(kGiB, uint64_t{pages} * (kPageSize + 1024));
  const DiskPath disk{path, DiskKind::kBlock, bytes};
  std::fclose(std::fopen(path.c_str(), "w"));
  CHECK(::truncate(path.c_str(), static_cast<off_t>(bytes)) == 0);
  const bool made = apart([&] {
    auto file = DiskFile::open(disk, DiskFile::Access::kReadWrite);
    if (!file) {
      std::fprintf(stderr, "%s\n", file.error().message().c_str());
      return false;
    }
    rt::BlockingPool pool(1);
    FileDevice device(std::move(*file), pool);
    Maker(device).make(pages, pages_per_object, attributes);
    return true;
  });
  constexpr int kRounds = 3;
  bool well = made;
  for (int round = 0; well && round < kRounds; ++round) {
    well = apart([&] { return open_store(disk, pages); });
  }
  ::unlink(path.c_str());
  return well ? 0 : 1;
}

}  // namespace
}  // namespace cachey::store

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "disk_open FILE [PAGES [PAGES_PER_OBJECT [shared|mixed]]]\n");
    return 2;
  }
  const unsigned long pages = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1'000'000;
  const unsigned long per_object = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
  return cachey::store::run(argv[1], static_cast<uint32_t>(pages),
                            static_cast<uint32_t>(std::max(1ul, per_object)),
                            argc > 4 ? argv[4] : "");
}
