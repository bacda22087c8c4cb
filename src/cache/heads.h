#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/cache_line.h"
#include "base/clock.h"
#include "base/key_scope.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/object_info.h"
#include "cache/object_key.h"
#include "cache/purge_walk.h"
#include "store/linear_table.h"
#include "store/memory_tier.h"

namespace cachey::cache {

/// The store's last answer about an object.
struct Head {
  ObjectSourcePtr source;  ///< null: the object is not known, or the store does not have it
  /// When the question was sent that brought this answer. kNever: only the disk has this version.
  MonoTime confirmed_at = kNever;
  static constexpr MonoTime kNever{};
};

/// The newest answer about each object: its version and its attributes, also of objects without
/// pages. A table of bounded bytes, in shards with a mutex each; a look-up takes one short lock.
/// Past a shard's bound the oldest entry goes. An entry that was found since it was last considered
/// stays once more (second chance: F. Corbato, "A paging experiment with the Multics system",
/// 1968).
///
/// An object has one head, even if it has several buckets. These rules, which follow
/// ObjectVersions, decide which bucket's tag and attributes clients get:
/// - A bucket's later answer replaces its earlier one.
/// - An answer of the home bucket, which has the kind's name, replaces that of any other bucket.
/// - An answer of another bucket with the same size confirms the head, which stays as it is. A head
///   of the home bucket is not confirmed by other buckets.
/// - An answer of another bucket with another size is ignored: if its version wins, the older
///   version is dropped first.
/// Of two answers, the answer to the later question counts.
///
/// Owned by Cache. Any thread.
class Heads {
 public:
  /// `bytes_max`: of all entries, about; 0: nothing is kept, and no memory is taken.
  Heads(uint64_t bytes_max, store::MemoryTier& memory);
  ~Heads();
  Heads(const Heads&) = delete;
  Heads& operator=(const Heads&) = delete;

  /// Nothing: the table has no entry. A head without a source: the store said that the object is
  /// absent. Counts as a use. `hash`: that of `key`.
  [[nodiscard]] std::optional<Head> find(KeyView key, uint64_t hash);

  /// The answer to a question that was sent at `sent_at` has brought `source`; Head::kNever: the
  /// disk has, which confirms nothing.
  void note(KeyView key, uint64_t hash, ObjectSourcePtr source, MonoTime sent_at);

  /// `bucket` does not have the object, by the answer to a question that was sent at `sent_at`. An
  /// object that is known from this bucket becomes an absent one, so that a late answer to an
  /// earlier question does not bring the object back.
  void note_absence(KeyView key, uint64_t hash, std::string_view bucket, MonoTime sent_at);

  /// The object's entry goes.
  void drop(KeyView key, uint64_t hash);
  /// One step of a walk: entries of `scope` go. False: the walk has met all entries that were there
  /// at its begin.
  [[nodiscard]] bool drop_some(const KeyScope& scope, ChainWalk& walk);
  /// The bucket no longer has this version: an entry with this version goes.
  void drop(KeyView key, uint64_t hash, const ObjectSource& gone);

  [[nodiscard]] bool enabled() const { return shards_ != nullptr; }
  [[nodiscard]] size_t entries() const { return counts().entries; }
  [[nodiscard]] uint64_t bytes() const { return counts().bytes; }
  /// Entries that went because a shard was full.
  [[nodiscard]] uint64_t evictions() const { return counts().evictions; }

 private:
  static constexpr unsigned kShardBits = 5;
  static constexpr size_t kShards = size_t{1} << kShardBits;
  /// The most entries that one search spares; then the next entry goes even if it was found. So a
  /// mutex is not held for long.
  static constexpr int kSecondChancesMax = 64;
  static constexpr size_t kBucketsAtOnce = 64;  ///< of a walk, in one hold of a mutex

  struct Entry : boost::intrusive::list_base_hook<> {
    Entry* next = nullptr;  // of the table's chain
    uint64_t hash = 0;
    SharedKey::Ptr key;
    Head head;
    bool used = false;
    [[nodiscard]] uint64_t bytes() const;
  };
  struct Traits {
    static uint64_t hash(const Entry& entry) { return entry.hash; }
    static Entry*& next(Entry& entry) { return entry.next; }
  };
  using Queue = boost::intrusive::list<Entry>;
  /// What a change leaves to do without the mutex.
  struct Changed {
    int64_t bytes = 0;  // to be charged
    Queue taken = {};   // to be destroyed
  };

  class alignas(kCacheLineBytes) Shard {
   public:
    ~Shard();
    [[nodiscard]] std::optional<Head> find(KeyView key, uint64_t hash);
    [[nodiscard]] Changed note(KeyView key, uint64_t hash, ObjectSourcePtr source, MonoTime sent_at,
                               uint64_t bytes_max);
    [[nodiscard]] Changed note_absence(KeyView key, uint64_t hash, std::string_view bucket,
                                       MonoTime sent_at);
    [[nodiscard]] Changed drop(KeyView key, uint64_t hash, const ObjectSource& gone);
    [[nodiscard]] Changed drop(KeyView key, uint64_t hash);
    /// `bucket`: the next one to be looked at; 0 once all were.
    [[nodiscard]] Changed drop_some(const KeyScope& scope, size_t& bucket);
    struct Counts {
      size_t entries = 0;
      uint64_t bytes = 0;
      uint64_t evictions = 0;
      uint64_t fixed_bytes = 0;
    };
    [[nodiscard]] Counts counts() const;

   private:
    [[nodiscard]] Entry* look_up(KeyView key, uint64_t hash) const REQUIRES(mutex_);
    void set(Entry& entry, Head head, Changed& changed) REQUIRES(mutex_);
    void add(KeyView key, uint64_t hash, Head head, Changed& changed) REQUIRES(mutex_);
    void take(Entry& entry, Changed& changed) REQUIRES(mutex_);
    void evict(uint64_t bytes_max, Changed& changed) REQUIRES(mutex_);

    mutable Mutex mutex_;
    store::LinearTable<Entry, Traits> table_ GUARDED_BY(mutex_);
    Queue queue_ GUARDED_BY(mutex_);  // the next candidate for eviction is first
    uint64_t bytes_ GUARDED_BY(mutex_) = 0;
    uint64_t evictions_ GUARDED_BY(mutex_) = 0;
  };

  /// By the hash's highest bits: the table uses the lowest ones.
  [[nodiscard]] Shard& shard_of(uint64_t hash) { return (*shards_)[hash >> (64 - kShardBits)]; }
  void end(Changed changed);
  [[nodiscard]] Shard::Counts counts() const;

  store::MemoryTier& memory_;
  const uint64_t shard_bytes_max_;
  int64_t fixed_bytes_ = 0;                             // of the empty shards
  std::unique_ptr<std::array<Shard, kShards>> shards_;  // null: off
};

}  // namespace cachey::cache
