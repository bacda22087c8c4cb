#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/status/bucket_table.h"
#include "app/status/facts.h"
#include "app/status/findings.h"
#include "app/status/first_bytes.h"
#include "app/status/history.h"
#include "base/metrics.h"
#include "base/mutex.h"

namespace cachey::app {

/// The last ten minutes of the process and what is wrong now, as texts: /ui/data, parts of /stats,
/// log lines and the gauge `cachey_finding`. Owned by Process. add(): one thread, once a second;
/// all else: any thread.
class Status {
 public:
  /// What does not change.
  struct Identity {
    std::string version;
    std::string revision;
    std::string boot;  ///< another one for each start
    int64_t started_ms = 0;
    size_t threads = 0;
    uint64_t memory_bytes = 0;
    uint64_t connections = 0;
  };
  using Text = std::shared_ptr<const std::string>;

  static constexpr size_t kBucketsShown = 20;
  static constexpr size_t kClientsShown = 10;
  static constexpr size_t kWarningsShown = 20;
  /// A text of at most this many rows is short: some 8 KB.
  static constexpr size_t kShortRows = 30;
  /// Texts at a time that are neither short nor of all rows.
  static constexpr int kLongTextsMax = 16;
  /// The memory of the history, for the bookkeeping of --memory.
  static constexpr size_t kBytes = History::kBytes + FirstBytes::kBytes;

  /// `metrics` outlives this, and this the last text of `metrics`.
  Status(Identity identity, Metrics& metrics);

  /// Once, before the first add().
  void set_connections_max(uint64_t connections) { identity_.connections = connections; }

  void add(Facts facts) EXCLUDES(mutex_);

  /// The JSON of /ui/data with the rows after row `since`. Those that ask for the same rows in the
  /// same second share a text. Null: kLongTextsMax texts are still being read.
  [[nodiscard]] Text data(uint64_t since) EXCLUDES(mutex_);
  /// Whether that text is short, and so made within some 0.1 ms.
  [[nodiscard]] bool is_short(uint64_t since) const EXCLUDES(mutex_);

  /// Adds the members `windows`, `failures`, `findings`, `buckets` and `clients` of /stats.
  void describe(nlohmann::ordered_json& stats) const EXCLUDES(mutex_);

 private:
  struct Shared {
    uint64_t since;
    Text text;
  };
  static constexpr size_t kSharedMax = 8;

  [[nodiscard]] Text compose(uint64_t since, bool is_long) REQUIRES(mutex_);
  /// What texts of the same second have in common: all but the rows.
  void compose_common() REQUIRES(mutex_);

  Identity identity_;  // constant from the first add() on
  const std::shared_ptr<std::atomic<int>> long_texts_ = std::make_shared<std::atomic<int>>(0);
  Findings findings_;  // synchronized by mutex_, but is_on()
  mutable Mutex mutex_;
  History history_ GUARDED_BY(mutex_);
  FirstBytes first_bytes_ GUARDED_BY(mutex_);
  BucketTable buckets_ GUARDED_BY(mutex_);
  Facts facts_ GUARDED_BY(mutex_);                 // the last ones
  std::string common_ GUARDED_BY(mutex_);          // empty: not made for this second
  std::vector<Shared> shared_ GUARDED_BY(mutex_);  // of this second
};

}  // namespace cachey::app
