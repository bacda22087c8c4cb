#include "cache/heads.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace cachey::cache {
namespace {

/// What the heap adds to a block, at most for small ones.
constexpr uint64_t kHeapBytes = 16;
/// The control block of a std::shared_ptr.
constexpr uint64_t kControlBytes = 16;

/// The block of a string that does not fit into the string itself.
uint64_t heap_bytes(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2 ? 0 : text.capacity() + 1 + kHeapBytes;
}

/// The attributes count whole, although objects share them: they may be the last one's.
uint64_t bytes_of(const ObjectSource& source) {
  uint64_t bytes = sizeof(ObjectSource) + kControlBytes + kHeapBytes;
  bytes += heap_bytes(source.info.etag) + heap_bytes(source.bucket);
  const ObjectAttributes* const attributes = source.info.attributes.get();
  if (attributes != nullptr) bytes += sizeof(ObjectAttributes) + attributes->bytes();
  return bytes;
}

/// The head after an answer.
Head after(const Head& known, ObjectSourcePtr source, MonoTime sent_at, std::string_view home) {
  const bool is_newer = sent_at >= known.confirmed_at;
  if (known.source == nullptr) return is_newer ? Head{std::move(source), sent_at} : known;
  const bool is_own = source->bucket == known.source->bucket;
  if (!is_own && source->bucket != home) {
    const bool confirms =
        known.source->bucket != home && source->info.size == known.source->info.size;
    return Head{known.source, confirms && is_newer ? sent_at : known.confirmed_at};
  }
  if (!is_newer) return known;
  const auto tells_checksums = [](const ObjectSource& of) {
    return of.info.attributes != nullptr && of.info.attributes->tells_checksums();
  };
  const bool tells_first = tells_checksums(*source) && !tells_checksums(*known.source);
  const bool says_less = is_own && !tells_first && source->same_version(*known.source) &&
                         !tells_news(source->info.attributes, known.source->info.attributes);
  return Head{says_less ? known.source : std::move(source), sent_at};
}

}  // namespace

uint64_t Heads::Entry::bytes() const {
  const KeyView names = key->view();
  const uint64_t own = sizeof(Entry) + sizeof(void*) + sizeof(SharedKey) + 2 * kHeapBytes;
  const uint64_t texts = names.kind.size() + names.object.size();
  return own + texts + (head.source == nullptr ? 0 : bytes_of(*head.source));
}

Heads::Shard::~Shard() { queue_.clear_and_dispose(std::default_delete<Entry>()); }

Heads::Entry* Heads::Shard::look_up(KeyView key, uint64_t hash) const {
  return table_.find(hash, [key, hash](const Entry& entry) {
    return entry.hash == hash && entry.key->view() == key;
  });
}

std::optional<Head> Heads::Shard::find(KeyView key, uint64_t hash) {
  const MutexLock lock(mutex_);
  Entry* const entry = look_up(key, hash);
  if (entry == nullptr) return std::nullopt;
  entry->used = true;
  return entry->head;
}

Heads::Changed Heads::Shard::note(KeyView key, uint64_t hash, ObjectSourcePtr source,
                                  MonoTime sent_at, uint64_t bytes_max) {
  Changed changed;
  const MutexLock lock(mutex_);
  Entry* const entry = look_up(key, hash);
  if (entry == nullptr) {
    add(key, hash, Head{std::move(source), sent_at}, changed);
  } else {
    set(*entry, after(entry->head, std::move(source), sent_at, key.kind), changed);
  }
  evict(bytes_max, changed);
  return changed;
}

Heads::Changed Heads::Shard::note_absence(KeyView key, uint64_t hash, std::string_view bucket,
                                          MonoTime sent_at) {
  Changed changed;
  const MutexLock lock(mutex_);
  Entry* const entry = look_up(key, hash);
  if (entry == nullptr || entry->head.confirmed_at > sent_at) return changed;
  if (entry->head.source == nullptr || entry->head.source->bucket == bucket) {
    set(*entry, Head{nullptr, sent_at}, changed);
  }
  return changed;
}

Heads::Changed Heads::Shard::drop(KeyView key, uint64_t hash, const ObjectSource& gone) {
  Changed changed;
  const MutexLock lock(mutex_);
  Entry* const entry = look_up(key, hash);
  if (entry == nullptr || entry->head.source == nullptr) return changed;
  const ObjectSource& known = *entry->head.source;
  if (known.bucket == gone.bucket && known.same_version(gone)) take(*entry, changed);
  return changed;
}

Heads::Changed Heads::Shard::drop(KeyView key, uint64_t hash) {
  Changed changed;
  const MutexLock lock(mutex_);
  Entry* const entry = look_up(key, hash);
  if (entry != nullptr) take(*entry, changed);
  return changed;
}

Heads::Changed Heads::Shard::drop_some(const KeyScope& scope, size_t& bucket) {
  Changed changed;
  const MutexLock lock(mutex_);
  std::vector<Entry*> meant;
  const size_t end = std::min(table_.buckets(), bucket + kBucketsAtOnce);
  for (; bucket < end; ++bucket) {
    table_.for_each_in(bucket, [&](Entry& entry) {
      const KeyView key = entry.key->view();
      if (scope.has(key.kind, key.object)) meant.push_back(&entry);
    });
  }
  for (Entry* const entry : meant) take(*entry, changed);
  if (bucket == table_.buckets()) bucket = 0;
  return changed;
}

void Heads::Shard::set(Entry& entry, Head head, Changed& changed) {
  const uint64_t before = entry.bytes();
  entry.head = std::move(head);
  bytes_ += entry.bytes() - before;
  changed.bytes += static_cast<int64_t>(entry.bytes()) - static_cast<int64_t>(before);
}

void Heads::Shard::add(KeyView key, uint64_t hash, Head head, Changed& changed) {
  auto made = std::make_unique<Entry>();
  made->hash = hash;
  made->key = SharedKey::make(key);
  made->head = std::move(head);
  table_.insert(*made);  // may throw
  bytes_ += made->bytes();
  changed.bytes += static_cast<int64_t>(made->bytes());
  queue_.push_back(*made.release());
}

void Heads::Shard::take(Entry& entry, Changed& changed) {
  bytes_ -= entry.bytes();
  changed.bytes -= static_cast<int64_t>(entry.bytes());
  table_.erase(entry);
  changed.taken.splice(changed.taken.end(), queue_, Queue::s_iterator_to(entry));
}

void Heads::Shard::evict(uint64_t bytes_max, Changed& changed) {
  int chances = kSecondChancesMax;
  while (bytes_ > bytes_max) {
    Entry& candidate = queue_.front();
    if (std::exchange(candidate.used, false) && chances-- > 0) {
      queue_.splice(queue_.end(), queue_, queue_.begin());
      continue;
    }
    take(candidate, changed);
    ++evictions_;
  }
}

Heads::Shard::Counts Heads::Shard::counts() const {
  const MutexLock lock(mutex_);
  return {table_.size(), bytes_, evictions_, sizeof(Shard) + table_.memory_bytes()};
}

Heads::Heads(uint64_t bytes_max, store::MemoryTier& memory)
    : memory_(memory), shard_bytes_max_(bytes_max / kShards) {
  if (bytes_max == 0) return;
  shards_ = std::make_unique<std::array<Shard, kShards>>();
  fixed_bytes_ = static_cast<int64_t>(counts().fixed_bytes);
  memory_.charge(fixed_bytes_);
}

Heads::~Heads() { memory_.charge(-fixed_bytes_ - static_cast<int64_t>(bytes())); }

void Heads::end(Changed changed) {
  if (changed.bytes != 0) memory_.charge(changed.bytes);
  changed.taken.clear_and_dispose(std::default_delete<Entry>());
}

std::optional<Head> Heads::find(KeyView key, uint64_t hash) {
  if (!enabled()) return std::nullopt;
  return shard_of(hash).find(key, hash);
}

void Heads::note(KeyView key, uint64_t hash, ObjectSourcePtr source, MonoTime sent_at) {
  if (!enabled()) return;
  end(shard_of(hash).note(key, hash, std::move(source), sent_at, shard_bytes_max_));
}

void Heads::note_absence(KeyView key, uint64_t hash, std::string_view bucket, MonoTime sent_at) {
  if (enabled()) end(shard_of(hash).note_absence(key, hash, bucket, sent_at));
}

void Heads::drop(KeyView key, uint64_t hash, const ObjectSource& gone) {
  if (enabled()) end(shard_of(hash).drop(key, hash, gone));
}

void Heads::drop(KeyView key, uint64_t hash) {
  if (enabled()) end(shard_of(hash).drop(key, hash));
}

bool Heads::drop_some(const KeyScope& scope, ChainWalk& walk) {
  if (!enabled()) return false;
  end((*shards_)[walk.shard].drop_some(scope, walk.bucket));
  if (walk.bucket == 0) ++walk.shard;
  return walk.shard < kShards;
}

Heads::Shard::Counts Heads::counts() const {
  Shard::Counts sum;
  if (!enabled()) return sum;
  for (const Shard& shard : *shards_) {
    const Shard::Counts one = shard.counts();
    sum.entries += one.entries;
    sum.bytes += one.bytes;
    sum.evictions += one.evictions;
    sum.fixed_bytes += one.fixed_bytes;
  }
  return sum;
}

}  // namespace cachey::cache
