#include "replay/two_tiers.h"

#include <algorithm>

#include "base/hash.h"

namespace cachey::bench {

/// Small tiers, which see the requests for every eighth object, by hash, and have as large a share
/// of the bytes. A hit counts for its request and for its bytes, half each. Counts fade: an epoch
/// is about as many requests as the disk has sampled pages.
class TwoTiers::Trials {
 public:
  Trials(uint64_t memory, uint64_t disk, size_t objects)
      : all_{Admit::kAll, memory / kSampled, disk / kSampled, objects},
        second_{Admit::kSecondFill, memory / kSampled, disk / kSampled, objects} {}

  void request(const Access& access, size_t disk_pages) {
    if (spread(access.object ^ kOtherHash) % kSampled != 0) return;
    mean_bytes_ += (access.bytes - mean_bytes_) * (mean_bytes_ == 0 ? 1 : kNewSize);
    const double worth = (1 + access.bytes / mean_bytes_) / 2;
    requests_ += worth;
    if (all_.access(access)) better_ += worth;
    if (second_.access(access)) better_ -= worth;
    if (++in_epoch_ < std::max(disk_pages / kSampled, kEpochMin)) return;
    in_epoch_ = 0;
    best_ = better_ > kBetterBy * requests_ ? Admit::kAll : Admit::kSecondFill;
    better_ *= kFade;
    requests_ *= kFade;
  }

  [[nodiscard]] Admit best() const { return best_; }

 private:
  static constexpr uint32_t kOtherHash = 0x5bd1e995;
  static constexpr uint64_t kSampled = 8;
  static constexpr size_t kEpochMin = 64;
  static constexpr double kFade = 0.8;
  static constexpr double kBetterBy = 0.002;  // of the requests, for more writes
  static constexpr double kNewSize = 0.001;

  TwoTiers all_;
  TwoTiers second_;
  Admit best_ = Admit::kAll;
  double better_ = 0;  // hits of all_ more than hits of second_
  double requests_ = 0;
  double mean_bytes_ = 0;
  size_t in_epoch_ = 0;
};

TwoTiers::TwoTiers(Admit admit, uint64_t memory, uint64_t disk, size_t objects)
    : admit_(admit),
      trials_(admit == Admit::kTried ? std::make_unique<Trials>(memory, disk, objects) : nullptr),
      memory_(memory, objects),
      disk_(disk, objects),
      touched_(objects) {}

TwoTiers::~TwoTiers() = default;

bool TwoTiers::access(const Access& access) {
  if (trials_ != nullptr) {
    trials_->request(access, disk_.size());
    admit_ = trials_->best();
  }
  ++now_;
  ++counts_.requests;
  counts_.bytes += access.bytes;
  if (memory_.has(access.object)) {
    ++counts_.memory_hits;
    hit_in_memory(access);
    return true;
  }
  note_use(access.object);
  if (disk_.has(access.object)) {
    ++counts_.disk_hits;
    disk_.use(access.object);
    load(access);
    return true;
  }
  counts_.store_bytes += access.bytes;
  load(access);
  if (writes_filled(access)) write(access);
  return false;
}

/// Into memory.
void TwoTiers::load(const Access& access) {
  touched_[access.object] = 0;
  memory_.insert(access, [this](const ReplayCache::Evicted& evicted) {
    if (!disk_.has(evicted.access.object) && writes_evicted(evicted)) write(evicted.access);
  });
}

void TwoTiers::hit_in_memory(const Access& access) {
  const uint32_t object = access.object;
  memory_.use(object);
  const bool on_disk = disk_.has(object);
  if (!on_disk && admit_ == Admit::kSecondRead) write(access);
  if (touched_[object] != 0 && now_ - touched_[object] < kRequestsAMinute) return;
  touched_[object] = now_;
  if (on_disk) disk_.use(object);
  note_use(object);
}

void TwoTiers::write(const Access& access) {
  counts_.written_bytes += access.bytes;
  disk_.insert(access, [](const ReplayCache::Evicted&) {});
}

bool TwoTiers::writes_filled(const Access& access) {
  const bool before = was_filled(access.object);
  if (disk_.has_room(access.bytes)) return true;
  switch (admit_) {
    case Admit::kAll:
      return true;
    case Admit::kCoin:
      return draw(random_, 2) == 0;
    case Admit::kSecondFill:
    case Admit::kSecondRead:
      return before;
    case Admit::kFrequent:
      return is_frequent(access.object);
    default:
      return false;
  }
}

bool TwoTiers::writes_evicted(const ReplayCache::Evicted& evicted) const {
  switch (admit_) {
    case Admit::kEvicted:
      return true;
    case Admit::kEvictedUsed:
      return evicted.used;
    case Admit::kEvictedMain:
      return evicted.from_main;
    default:
      return false;
  }
}

/// And remembers this fill.
bool TwoTiers::was_filled(uint32_t object) {
  const uint64_t hash = spread(object);
  const bool before = before_.take(hash);
  before_.remember(hash, disk_.size());
  return before;
}

bool TwoTiers::is_frequent(uint32_t object) {
  if (disk_.size() == 0) return true;
  return sketch_.estimate(spread(object)) > sketch_.estimate(spread(disk_.next_victim()));
}

void TwoTiers::note_use(uint32_t object) {
  sketch_.add(spread(object), 1, std::max<size_t>(disk_.size(), 1));
}

}  // namespace cachey::bench
