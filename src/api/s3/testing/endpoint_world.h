#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/endpoint.h"
#include "api/s3/testing/fake_forwarder.h"
#include "api/testing/recording_writer.h"
#include "cache/testing/virtual_cache.h"

namespace cachey::api::s3 {

/// All parts of a server below the network, on one worker and in virtual time. The store has the
/// object `o` in the bucket `bkt`, of kObjectBytes.
class EndpointWorld : cache::VirtualCache {
 public:
  static constexpr uint64_t kObjectBytes = 1000;

  /// `policy`: of every object, see RevalidateRule. `forwarder`: null: none; nothing: forwarder().
  explicit EndpointWorld(const std::string& policy = "5", bool plain = false,
                         std::chrono::milliseconds negative_ttl = {},
                         const std::vector<DeclaredKind>& aliases = {},
                         std::optional<origin::Forwarder*> forwarder = std::nullopt)
      : VirtualCache(
            {.memory = 8 * kPageBytes,
             .fills = cache::FillConfig{.heads_bytes_max = kMiB, .negative_ttl = negative_ttl}}),
        access_(metrics_, {}, BucketRules({}, aliases, OtherKinds::kAny)),
        endpoint_({.hosts = {},
                   .aliases = Aliases(aliases),
                   .rules = rules(policy),
                   .region = "eu-west-7",
                   .plain = plain},
                  cache_, forwarder.value_or(&forwarder_), egress_, metrics_, system_random_) {
    world_.clock().set_unix_seconds(1'800'000'000);
    put({.size = kObjectBytes});
  }

  void put(origin::FakeOrigin::Object object) { origin_.put("bkt", "o", std::move(object)); }

  RecordingWriter ask(std::vector<net::Field> fields = {}, net::Method method = net::Method::kGet,
                      std::string_view target = "/bkt/o") {
    RecordingWriter writer;
    const net::Request request(method, target, std::move(fields));
    (void)world_.run(handle(request, writer));
    return writer;
  }

  /// Begins a request, which ends in a later pass(). `request` and `writer` outlive it.
  std::shared_ptr<std::optional<bool>> begin(const net::Request& request, RecordingWriter& writer) {
    return world_.start(handle(request, writer));
  }

  /// Reads a byte of `o` as /fetch does from one bucket of the kind; the failure, or "".
  std::string fetch(const std::string& bucket, bool exact, uint64_t offset = 0) {
    const auto of = spec("o", {bucket}, "bkt");
    of->wishes.exact = exact;
    Result<void> done = world_.run(open(of, {offset, offset + 1}));
    world_.pass(std::chrono::milliseconds(100));
    return done ? "" : done.error().message();
  }

  /// Begins what fetch() does, of another kind.
  std::shared_ptr<std::optional<Result<void>>> begin_fetch(const std::string& kind,
                                                           const std::string& bucket) {
    return world_.start(open(spec("o", {bucket}, kind), {0, 1}));
  }

  /// The client of a GET leaves after a second.
  void leave(RecordingWriter& writer) {
    const net::Request request(net::Method::kGet, "/bkt/o", {});
    const auto ended = world_.start(handle(request, writer));
    world_.pass(std::chrono::seconds(1));
    EXPECT_FALSE(ended->has_value());
    writer.leave();
    world_.pass(rt::TimerWheel::kTick);
    EXPECT_TRUE(ended->has_value());
    world_.pass(std::chrono::seconds(10));  // the fill ends
  }

  /// The requests to the store since the last call: H HeadObject, G a range, T a tail.
  std::string asked() {
    std::string letters;
    const std::vector<origin::FakeOrigin::Asked> all = origin_.asked();
    for (; seen_ < all.size(); ++seen_) {
      const origin::Ask ask = all[seen_].ask;
      letters += ask == origin::Ask::kHead ? 'H' : ask == origin::Ask::kTail ? 'T' : 'G';
    }
    return letters;
  }

  void pass(std::chrono::nanoseconds time) { world_.pass(time); }
  [[nodiscard]] MonoTime now() { return world_.clock().mono(); }
  [[nodiscard]] std::string metrics() { return metrics_.text(); }
  [[nodiscard]] Metrics& all_metrics() { return metrics_; }
  [[nodiscard]] origin::FakeOrigin& origin() { return origin_; }
  /// Answers what passes the cache by.
  [[nodiscard]] FakeForwarder& forwarder() { return forwarder_; }

 private:
  static RevalidateRules rules(const std::string& policy) {
    return RevalidateRules({*RevalidateRule::parse("*=" + policy)});
  }
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kAnyone, request);
    rt::Task<void> rest = endpoint_.handle(world_.worker(), request, permit, writer);
    if (rest.valid()) co_await std::move(rest);
    co_return true;
  }

  SystemRandom system_random_;
  FakeForwarder forwarder_;
  Throughput egress_{metrics_.counter("egress", "")};
  Access access_;
  Endpoint endpoint_;
  size_t seen_ = 0;
};

}  // namespace cachey::api::s3
