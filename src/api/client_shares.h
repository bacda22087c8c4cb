#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/client.h"
#include "base/cache_line.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "rt/worker.h"

namespace cachey::api {

/// What one client had of the server lately.
struct ClientShare {
  std::string name;  ///< client_text()
  uint64_t requests = 0;
  uint64_t misses = 0;
  uint64_t bytes = 0;          ///< of bodies
  uint64_t limited = 0;        ///< requests that a limit of the client refused
  uint64_t newest_misses = 0;  ///< of ClientShares::kNewest
};

/// What is counted of one request.
struct ClientUse {
  bool miss = false;
  bool limited = false;
  uint64_t bytes = 0;
};

/// Counts what each client asks, in bounded memory: each worker has a table of kSlots clients. A
/// client that finds none of its kWays slots free takes that of the client with the fewest requests
/// lately, and starts from 0. So a client with many requests stays, however many others come, and
/// counts are never too high. Which slots a client may have depends on a secret.
///
/// count() costs a look at a few slots of the calling worker. Owned by app::Process. Any thread,
/// unless a function says otherwise.
class ClientShares {
 public:
  static constexpr size_t kWays = 8;
  static constexpr size_t kSets = 64;
  static constexpr size_t kSlots = kWays * kSets;
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr std::chrono::seconds kStep{5};
  /// The newest steps: the last 5 to 10 s.
  static constexpr std::chrono::seconds kNewest{10};
  /// Clients of a step that are remembered.
  static constexpr size_t kKept = 64;

  ClientShares(size_t workers, const TokenNames& tokens, uint64_t secret, const Clock& clock,
               Metrics& metrics);

  /// `client`: see api/client.h; at most kNameBytesMax of it count. Called on the worker's thread.
  void count(const rt::Worker& worker, std::string_view client, const ClientUse& use) {
    Table& table = tables_[worker.index() < tables_.size() ? worker.index() : 0];
    const uint64_t hash = hash_of(client);
    Slot* const slot = table.find(hash);
    add(slot != nullptr ? *slot : table.take(hash, client), use);
  }

  /// To be called about once a second, on one thread at a time.
  void sample() EXCLUDES(mutex_);

  /// The clients of the last minute, the largest first, by the larger of their shares of requests,
  /// misses and bytes. At most `most`.
  [[nodiscard]] std::vector<ClientShare> last_minute(size_t most = 10) const EXCLUDES(mutex_);
  /// Misses of all clients in the last minute.
  [[nodiscard]] uint64_t misses() const EXCLUDES(mutex_);
  /// Misses of all clients in the time of ClientShare::newest_misses.
  [[nodiscard]] uint64_t newest_misses() const EXCLUDES(mutex_);

 private:
  static constexpr size_t kNameBytesMax = 129;  // an access key

  /// Written by its worker.
  struct Slot {
    std::atomic<uint64_t> hash{0};  // 0: free
    std::atomic<uint64_t> requests{0};
    std::atomic<uint64_t> misses{0};
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> limited{0};
    std::atomic<uint64_t> rank{0};  // requests; halved by each drain, which may lose a few
  };
  struct Counts {
    uint64_t requests = 0;
    uint64_t misses = 0;
    uint64_t bytes = 0;
    uint64_t limited = 0;
    Counts& operator+=(const Counts& more);
  };
  using ByClient = std::map<std::string, Counts, std::less<>>;

  struct Table {
    [[nodiscard]] Slot* find(uint64_t hash) {
      Slot* const set = &slots[hash % kSets * kWays];
      for (size_t way = 0; way < kWays; ++way) {
        if (set[way].hash.load(std::memory_order_relaxed) == hash) return &set[way];
      }
      return nullptr;
    }
    [[nodiscard]] Slot& take(uint64_t hash, std::string_view client) EXCLUDES(mutex);
    /// Adds what all slots have counted since the last drain.
    void drain(ByClient& all) EXCLUDES(mutex);

    std::array<Slot, kSlots> slots;
    Mutex mutex;
    std::array<std::string, kSlots> names GUARDED_BY(mutex);
    std::array<Counts, kSlots> seen GUARDED_BY(mutex);  // of a slot, at the last drain
  };

  [[nodiscard]] uint64_t hash_of(std::string_view client) const;
  static void add(Slot& slot, const ClientUse& use);

  void keep_largest(ByClient& clients) const;
  /// Of the steps that ended less than `age` ago, and of the current one.
  [[nodiscard]] ByClient of_last(std::chrono::seconds age) const EXCLUDES(mutex_);
  [[nodiscard]] double largest_share(uint64_t Counts::* of) const;

  const TokenNames& tokens_;
  const uint64_t secret_;
  const Clock& clock_;
  std::vector<Table> tables_;  // one a worker

  struct Step {
    MonoTime ended;
    ByClient clients;
  };
  mutable Mutex mutex_;
  std::deque<Step> steps_ GUARDED_BY(mutex_);  // the oldest first
  ByClient current_ GUARDED_BY(mutex_);
  MonoTime step_began_ GUARDED_BY(mutex_);
};

}  // namespace cachey::api
