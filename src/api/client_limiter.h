#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/tokens.h"
#include "base/aged_map.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/units.h"
#include "net/http/http.h"
#include "rt/worker.h"

namespace cachey::api {

/// Holds each client to its limits: misses at a time, bytes of bodies a second. A client that has
/// reached its misses is still answered from the cache. A client over its bandwidth is refused
/// until its average is back, and the responses under way are slowed to the average (VisitWriter):
/// a token bucket that holds kSavedTime of the bandwidth. Each response may overdraw the bucket by
/// VisitWriter::kOfferBytesMax, and by kChargedAtOnce. Costs an atomic read a request without
/// limits.
///
/// A client's state is kept while the client has a place, or its bucket is not full; of those
/// without a place the kIdle that were used last. Owned by app::Process. Any thread.
class ClientLimiter {
 public:
  static constexpr std::chrono::seconds kSavedTime{1};
  static constexpr AgedMapLimits kIdle{.entries = 10'000, .key_bytes = 512 * kKiB};
  static constexpr std::chrono::seconds kRetryAfterMisses{1};

  /// `defaults`: of each client whose token says nothing else; nothing: no limit.
  ClientLimiter(ClientLimits defaults, const Clock& clock, Metrics& metrics);

  /// The limits of tokens, by their clients' names (api/client.h). From now on.
  void replace_token_limits(std::map<std::string, ClientLimits, std::less<>> limits)
      EXCLUDES(mutex_);

  /// False: no client has a limit.
  [[nodiscard]] bool enabled() const { return enabled_.load(std::memory_order_relaxed); }

  /// One request of a client, from its begin to its end. Lives in the handler's frame, and outlives
  /// the response.
  class Visit {
   public:
    /// `client`: see api/client.h.
    Visit(ClientLimiter& limiter, std::string client);
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit();

    /// kLimited: the client is over its bandwidth. Nothing: the request is served.
    [[nodiscard]] std::optional<Error> refusal() const;
    /// False: the client has its number of misses, so that this request gets cached bytes only.
    [[nodiscard]] bool may_miss() const { return may_miss_; }
    /// All of the response comes from the cache: gives the place back.
    void is_hit();
    /// The client has a bandwidth.
    [[nodiscard]] bool pays() const { return pays_; }
    /// How long the response must pause for the client's average; 0: not at all.
    [[nodiscard]] std::chrono::nanoseconds pause();
    /// Bytes of the body that the client took.
    void sent(uint64_t bytes);
    /// The request was refused because of may_miss().
    void missed() { limiter_.count(limiter_.limited_misses_); }

   private:
    static constexpr uint64_t kChargedAtOnce = 256 * kKiB;

    ClientLimiter& limiter_;
    const std::string client_;
    bool has_place_ = false;
    bool may_miss_ = true;
    bool pays_ = false;
    std::chrono::nanoseconds wait_{0};
    uint64_t uncharged_ = 0;
  };

  /// Requests that a limit refused, since the start.
  [[nodiscard]] uint64_t limited() const { return limited_.load(std::memory_order_relaxed); }
  /// Clients with a place, and those that are remembered.
  [[nodiscard]] size_t known() const EXCLUDES(mutex_);

 private:
  /// In bytes: at most a full bucket; negative: overdrawn.
  struct Level {
    double bytes = 0;
    MonoTime at;
  };

  [[nodiscard]] ClientLimits limits_of(std::string_view client) const REQUIRES(mutex_);
  [[nodiscard]] Level& level_of(std::string_view client, double bandwidth) REQUIRES(mutex_);
  [[nodiscard]] std::chrono::nanoseconds overdrawn(std::string_view client, double bandwidth)
      REQUIRES(mutex_);
  [[nodiscard]] bool take_place(std::string_view client, size_t most) REQUIRES(mutex_);
  void leave(std::string_view client) EXCLUDES(mutex_);
  void count(const Counter& refusals) {
    refusals.add();
    limited_.fetch_add(1, std::memory_order_relaxed);
  }
  void charge(std::string_view client, uint64_t bytes) EXCLUDES(mutex_);

  const ClientLimits defaults_;
  const Clock& clock_;
  const Counter limited_misses_;
  const Counter limited_bandwidth_;
  std::atomic<uint64_t> limited_{0};
  std::atomic<bool> enabled_;
  mutable Mutex mutex_;
  std::map<std::string, ClientLimits, std::less<>> of_tokens_ GUARDED_BY(mutex_);
  std::map<std::string, size_t, std::less<>> places_ GUARDED_BY(mutex_);  // taken, by client
  AgedMap<Level> levels_ GUARDED_BY(mutex_){kIdle};
};

/// Passes all calls on to the real writer, and tells a visit of hits and of bytes. While the client
/// is over its bandwidth, the writer takes no bytes, and is writable when the average is back.
/// Lives in the handler's frame.
class VisitWriter final : public net::ResponseWriter {
 public:
  VisitWriter(rt::Worker& worker, net::ResponseWriter& writer, ClientLimiter::Visit& visit,
              bool head_only)
      : worker_(worker), writer_(writer), visit_(visit), head_only_(head_only) {}

  void start(const net::ResponseHead& head) override;
  [[nodiscard]] size_t offer(std::span<const iovec> body) override;
  [[nodiscard]] rt::Task<bool> writable() override;
  [[nodiscard]] rt::Task<bool> flush() override { return writer_.flush(); }
  [[nodiscard]] rt::Task<bool> finish(std::span<const net::Field> trailers) override {
    return writer_.finish(trailers);
  }
  [[nodiscard]] std::optional<bool> try_finish(std::span<const net::Field> trailers) override {
    return writer_.try_finish(trailers);
  }
  void abort() override { writer_.abort(); }
  [[nodiscard]] std::stop_token client_left() override { return writer_.client_left(); }

 private:
  static constexpr size_t kOfferBytesMax = 256 * kKiB;  // then the average is looked at again
  static constexpr size_t kOfferPartsMax = 16;
  static constexpr std::chrono::seconds kPauseMax{1};  // then the average is looked at again

  rt::Worker& worker_;
  net::ResponseWriter& writer_;
  ClientLimiter::Visit& visit_;
  const bool head_only_;
};

}  // namespace cachey::api
