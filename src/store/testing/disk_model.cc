#include "store/testing/disk_model.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "store/disk/superblock.h"

namespace cachey::store {
namespace {

constexpr int kSteps = 120;
constexpr size_t kLongTagBytes = 1'500;
// The sizes that the device has, from one start to the next.
constexpr uint64_t kSizes = 3;
constexpr uint64_t kSizeStep = 700 * kKiB;

// Of pages' records; and what goes past it: removals, copies of the records of all pages.
constexpr size_t kPendingMax = 2 * RecordQueue::kChunkBytes;
constexpr size_t kUnrefusedMax = 2 * RecordQueue::kChunkBytes;
constexpr uint64_t kLateMax = 256 * kKiB;  // at least a page

using PageVersions = std::map<DiskModel::PageName, int>;

bool has(const PageVersions& pages, const PageVersions::value_type& page) {
  const auto found = pages.find(page.first);
  return found != pages.end() && found->second == page.second;
}

}  // namespace

DiskTierConfig DiskModel::usual_config() {
  DiskTierConfig config = DiskHarness::quick();
  config.read_deadline = std::chrono::milliseconds(100);
  config.write_deadline = std::chrono::milliseconds(200);
  config.journal_deadline = std::chrono::milliseconds(150);
  config.journal_pending_bytes = kPendingMax;
  config.late_bytes_max = kLateMax;
  return config;
}

DiskModel::DiskModel(uint32_t seed, World world, DiskTierConfig config)
    : random_(seed),
      world_(world),
      long_tags_(seed % 8 >= 6),
      disk_(kDeviceBytes, std::move(config),
            world != World::kKilled && seed % 2 == 0 ? 512 : kUnitBytes, seed) {
  if (loses_power()) disk_.device().track_unsynced();
}

void DiskModel::run() {
  for (int step = 0; step < kSteps; ++step) {
    const uint32_t dice = random() % 100;
    if (dice < 45) {
      write(any_page());
    } else if (dice < 70) {
      read(any_page());
    } else if (dice < 77) {
      change(any_object());
    } else if (dice < 82) {
      answer(any_object());
    } else if (dice < 86) {
      flush();
    } else if (dice < 87) {
      purge(any_scope());
      if (random() % 2 == 0) restart();  // right after it
    } else if (dice < 90) {
      disk_.device().fail_writes(EIO, 1 + static_cast<int>(random() % 4));
    } else if (dice < 92) {
      disk_.device().fail_reads(EIO, 1);
    } else if (dice < 95) {
      next_size_ = kDeviceBytes - random() % kSizes * kSizeStep;
      die();
    } else if (world_ == World::kUnreadable) {
      harm_a_part();
    } else if (world_ == World::kEvil) {
      harm();
    }
  }
  restart();
  for (int object = 0; object < kObjects; ++object) {
    for (uint32_t page = 0; page < kNames; ++page) read({object, page});
  }
}

void DiskModel::write(PageName name) {
  const DiskWrite result = disk_.write(page_of(name, versions_[name.object]));
  // A page that is dropped before it has a place tells the tier of no version.
  if (result != DiskWrite::kDropped) seen_.insert(name.object);
  if (result == DiskWrite::kStored) {
    durable_.erase(name);                 // the page had left, if it ever was there
    durable_answers_.erase(name.object);  // so may all pages: the definition may be a new one
  }
  check_no_part_is_needless(name.object);
  check_bounds();
}

void DiskModel::read(PageName name) {
  const std::string object = std::to_string(name.object);
  std::optional<DiskPageRef> found =
      disk_.tier().find(disk_.worker(), "kind", object, place_of(name));
  if (!found) return;
  const int version = std::stoi(found->info().etag.substr(2));
  if (version > versions_[name.object] || version < oldest_possible_[name.object]) {
    wrongs_.push_back("version " + std::to_string(version) + " of object " + object);
  }
  check_attributes(name.object, found->info());
  found.reset();
  const DiskPage page = page_of(name, version);
  const uint64_t blocks = blocks_for(page.bytes);
  const uint64_t first = random_() % blocks;
  const uint64_t last = first + 1 + random_() % (blocks - first);
  const size_t before = disk_.wrong_reads();
  const auto result = disk_.read(
      page, ByteRange{first * kDiskBlockBytes, std::min(page.bytes, last * kDiskBlockBytes)});
  if (result == DiskRead::kOk) ++hits_;
  if (disk_.wrong_reads() != before) wrongs_.push_back("wrong bytes of object " + object);
}

void DiskModel::change(int object) {
  ++versions_[object];
  seen_.insert(object);
  observe(object);
}

void DiskModel::answer(int object) {
  ++newest_answers_[{object, versions_[object]}];
  observe(object);
}

void DiskModel::observe(int object) {
  const int version = versions_[object];
  observed_.insert_or_assign(object, Answer{version, newest_answer(object, version)});
  disk_.tier().observe(disk_.worker(), "kind", std::to_string(object),
                       {page_of({object, 0}, version).info, "bucket"});
  check_bounds();
}

void DiskModel::check_bounds() {
  const DiskUsage usage = disk_.tier().usage();
  if (usage.pending_bytes > kPendingMax + kUnrefusedMax) {
    wrongs_.push_back("records of " + std::to_string(usage.pending_bytes) + " bytes wait");
  }
  if (usage.late_bytes > kLateMax + kUnitBytes) {  // whole units
    wrongs_.push_back("late operations hold " + std::to_string(usage.late_bytes) + " bytes");
  }
}

void DiskModel::flush() {
  if (!disk_.flush() || dead_) return;
  if (world_ == World::kEvil) return;
  for (const int object : seen_) oldest_possible_[object] = versions_[object];
  durable_ = listed();
  for (const auto& [name, version] : durable_) {
    const auto observed = observed_.find(name.object);
    if (observed != observed_.end()) {
      durable_answers_.insert_or_assign(name.object, observed->second);
    }
  }
}

void DiskModel::restart() {
  const std::map<PageName, int> last_known = listed();
  disk_.device().fail_writes(0, 0);
  disk_.device().fail_reads(0, 0);
  disk_.device().fail_parts({});
  disk_.device().release();
  disk_.settle();
  const bool lost = disk_.tier().stats().journal_lost_blocks > 0;  // while it was cleaned
  moves_ += disk_.tier().stats().journal_moves;
  const auto& drops = disk_.tier().stats().drops;
  refused_for_records_ += drops[static_cast<size_t>(DiskDrop::kJournalFull)];
  refused_for_memory_ += drops[static_cast<size_t>(DiskDrop::kStuck)];
  disk_.close();
  disk_.device().revive();
  dead_ = false;
  const bool power_lost = loses_power() && random_() % 2 == 0;
  if (power_lost) disk_.device().lose_power(random());
  const uint64_t size_before = disk_.device().size();
  disk_.device().resize(next_size_);
  const bool smaller = next_size_ < size_before;
  shrinks_ += smaller ? 1 : 0;
  if (world_ == World::kUnreadable) fail_reads_of_the_journal();
  disk_.open();
  disk_.device().fail_parts({});
  disk_.device().fail_reads(0, 0);
  if (random_() % 2 == 0) disk_.tier().begin_writing(disk_.worker());
  seen_.clear();
  observed_.clear();
  if (world_ == World::kEvil) return;
  const bool unread = disk_.tier().stats().recovered_unreadable > 0;
  unread_ += unread;
  if (unread) {  // pages are lost, and what the unread blocks removed may be back
    oldest_possible_.clear();
    durable_answers_.clear();
  } else if (!lost && !smaller) {
    check_durable(last_known);
  }
  if (lost) durable_answers_.clear();
  // A page may be back because its removal was not durable. Its space may be overwritten: then
  // the first read is a miss and removes the page.
  for (const auto& [name, version] : listed()) (void)disk_.read(page_of(name, version));
  if (disk_.wrong_reads() > 0) wrongs_.push_back("wrong bytes after a restart");
  // What is there survives further kills; a loss of power, if it was durable or has survived one.
  const std::map<PageName, int> now = listed();
  const bool all = power_lost || !loses_power();
  // A removal that hung may be on the device, but cut off by a superblock that is not durable.
  const bool removals_hang = world_ == World::kUnreadable;
  std::erase_if(durable_, [&](const auto& page) {
    return !has(now, page) || (removals_hang && !has(last_known, page));
  });
  if (all) durable_ = now;
}

PageAt DiskModel::place_of(PageName name) {
  constexpr std::array<unsigned, 3> kExponents{24, 16, 20};
  // Of the parts, in their page. Several begin in one block.
  constexpr std::array<uint64_t, kParts> kBegins{0, 3, 5'000, 5'001, 60'000, 65'535};
  const unsigned exponent = kExponents[static_cast<size_t>(name.object) % kExponents.size()];
  if (name.page < kPages) return PageAt::page(name.page, exponent);
  const uint32_t part = name.page - kPages;
  return PageAt::part(PageAt::page(part % 2, exponent).begin() + kBegins[part], exponent);
}

void DiskModel::check_no_part_is_needless(int object) {
  region_was_out_ = region_was_out_ || disk_.tier().stats().regions_went_out > 0;
  if (region_was_out_ || world_ == World::kEvil) return;
  std::vector<DiskPage> there;
  for (const auto& [name, version] : listed(object)) there.push_back(page_of(name, version));
  for (const DiskPage& part : there) {
    if (!part.at.is_part()) continue;
    const bool needless = std::ranges::any_of(there, [&part](const DiskPage& other) {
      return other.at != part.at && other.at.has(other.bytes, part.at, part.bytes);
    });
    if (needless) wrongs_.push_back("bytes of object " + part.object + " are there twice");
  }
}

DiskPage DiskModel::page_of(PageName name, int version) const {
  // The size depends on name and version: from below 4 KiB to about 256 KiB.
  std::mt19937 sizes(static_cast<uint32_t>(name.object * 1'000 + name.page * 100 + version % 7));
  const uint64_t limit = 4096u << sizes() % 7;
  const PageAt at = place_of(name);
  const uint64_t bytes = std::min(1 + sizes() % limit, at.bytes_max());
  DiskPage page = make_page(std::to_string(name.object), 0, bytes, version);
  page.at = at;
  page.info.attributes = attributes_of(name.object, version, newest_answer(name.object, version));
  if (long_tags_) page.info.etag.insert(page.info.etag.size() - 1, kLongTagBytes, '-');
  return page;
}

std::map<DiskModel::PageName, int> DiskModel::listed() {
  std::map<PageName, int> pages;
  for (int object = 0; object < kObjects; ++object) pages.merge(listed(object));
  return pages;
}

std::map<DiskModel::PageName, int> DiskModel::listed(int object) {
  std::map<PageName, int> pages;
  for (uint32_t page = 0; page < kNames; ++page) {
    const auto found =
        disk_.tier().find(disk_.worker(), "kind", std::to_string(object), place_of({object, page}));
    if (!found) continue;
    pages[{object, page}] = std::stoi(found->info().etag.substr(2));
    check_attributes(object, found->info());
  }
  return pages;
}

void DiskModel::check_durable(const std::map<PageName, int>& last_known) {
  const std::map<PageName, int> now = listed();
  for (const auto& [name, version] : durable_) {
    if (!has(last_known, {name, version})) continue;
    const std::string object = std::to_string(name.object);
    if (!has(now, {name, version})) {
      wrongs_.push_back("lost page of object " + object);
      continue;
    }
    const std::optional<DiskRead> read = disk_.read(page_of(name, version));
    if (read == DiskRead::kOk) continue;
    wrongs_.push_back("page of object " + object + " cannot be read: " +
                      (read ? std::to_string(static_cast<int>(*read)) : "gone"));
  }
}

void DiskModel::die() {
  disk_.device().die_after(random() % 6, random());
  dead_ = true;
  for (uint32_t i = random() % 8; i > 0; --i) {
    random_() % 4 == 0 ? change(any_object()) : write(any_page());
  }
  if (random_() % 2 == 0) (void)disk_.flush();
  restart();
}

ByteRange DiskModel::some_part(uint64_t begin, uint64_t end) {
  const uint64_t units = (end - begin) / kUnitBytes;
  const uint64_t at = begin + random_() % units * kUnitBytes;
  return {at, std::min(end, at + (1 + random_() % (units / 2)) * kUnitBytes)};
}

void DiskModel::harm_a_part() {
  const FaultyDevice::Part part{.range = some_part(0, kDeviceBytes),
                                .reads = random_() % 2 == 0,
                                .writes = random_() % 2 == 0};
  switch (random_() % (long_tags_ ? 5 : 4)) {
    case 4:
      write_more_than_the_journal_takes();
      break;
    case 0:
      disk_.device().fail_parts({part});
      break;
    case 1:
      disk_.device().hang_parts({part});
      break;
    case 2:
      disk_.device().fail_parts({});
      break;
    default:
      disk_.device().release();
      break;
  }
}

/// Writes each page in a new version while the journal hangs.
void DiskModel::write_more_than_the_journal_takes() {
  const std::vector<ByteRange> places = places_of_the_journal();
  if (places.empty()) return;
  disk_.device().hang_parts({{.range = places.back(), .reads = false}});
  for (int object = 0; object < kObjects; ++object) {
    change(object);
    for (uint32_t page = 0; page < kNames; ++page) write({object, page});
  }
}

std::vector<ByteRange> DiskModel::places_of_the_journal() {
  std::vector<ByteRange> places;
  const Result<ParsedSuperblock> read = read_superblock(disk_.device());
  if (!read) return places;
  for (const JournalSegment& segment : read->superblock.segments) {
    const uint64_t begin = segment.first_unit * kUnitBytes;
    places.push_back({begin, begin + read->superblock.segment_units * kUnitBytes});
  }
  return places;
}

void DiskModel::fail_reads_of_the_journal() {
  const std::vector<ByteRange> places = places_of_the_journal();
  if (places.empty() || random_() % 2 == 0) return;
  const ByteRange place = places[random_() % places.size()];
  const ByteRange part = some_part(place.begin, place.end);
  disk_.device().fail_parts({{.range = part, .writes = false}});
}

void DiskModel::harm() {
  switch (random_() % 3) {
    case 0:
      for (int i = 0; i < 40; ++i) {  // past the superblocks: without one the store is refused
        const uint64_t byte = kDataOffset + random_() % (kDeviceBytes - kDataOffset);
        disk_.device().flip_bit(byte * 8 + random_() % 8);
      }
      break;
    case 1:
      disk_.device().lose_writes(4, random());
      break;
    default:
      disk_.device().lose_writes(0, 0);
      break;
  }
}

}  // namespace cachey::store
