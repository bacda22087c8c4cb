#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "origin/read/object_read.h"
#include "origin/testing/fake_origin.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::origin {

/// A sink that checks each byte and the order of the bytes.
class CheckedSink final : public ByteSink {
 public:
  CheckedSink(uint64_t seed, uint64_t begin) : seed_(seed), next_(begin), buffer_(64 * kKiB) {}

  std::span<std::byte> room(uint64_t) override { return buffer_; }
  void arrived(ByteRange range) override {
    in_order = in_order && range.begin == next_;
    next_ = range.end;
    bytes += range.size();
    for (uint64_t at = range.begin; at < range.end; ++at) {
      right = right && buffer_[at - range.begin] == object_byte(seed_, at);
    }
  }

  [[nodiscard]] bool is_wanted() const override { return wanted; }

  uint64_t bytes = 0;
  bool right = true;
  bool in_order = true;
  bool wanted = true;

 private:
  const uint64_t seed_;
  uint64_t next_;
  std::vector<std::byte> buffer_;
};

struct Got {
  std::optional<Error> error;
  bool opened = false;
  uint64_t bytes = 0;
  bool right = true;
  bool hedged = false;
  size_t bucket = 0;
  size_t ends = 0;  // buckets that told the object's end
  std::chrono::milliseconds took{};
};

class ObjectReadTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kSize = 300'000;

  explicit ObjectReadTest(const GateLimits& limits = {}) : gate_(limits, world_.clock(), metrics_) {
    for (const char* bucket : {"a", "b"}) origin_.put(bucket, "o", {.size = kSize});
  }

  rt::Task<Got> read(ReadTerms terms) { return read_in(context_, std::move(terms)); }
  /// Reads with a context of the test's own, which outlives the read.
  rt::Task<Got> read_in(const ReadContext& context, ReadTerms terms) {
    Got got;
    const MonoTime began = world_.clock().mono();
    ObjectRead read(context, world_.worker(), std::move(terms));
    Result<void> done = co_await read.open();
    got.opened = done.has_value();
    if (done) {
      CheckedSink sink(1, read.range().begin);
      done = co_await read.run(sink);
      got.bytes = sink.bytes;
      got.right = sink.right && sink.in_order && (!done || sink.bytes == read.range().size());
    }
    if (!done) got.error = std::move(done.error());
    got.hedged = read.hedged();
    got.bucket = read.bucket();
    got.ends = read.ends().size();
    got.took = std::chrono::duration_cast<std::chrono::milliseconds>(world_.clock().mono() - began);
    co_return got;
  }

  Got get(const std::vector<std::string>& buckets = {"a"}, RequestConfig config = {},
          VersionSet* versions = nullptr) {
    ReadTerms terms(buckets, buckets_.rank(buckets), "o", ByteRange{0, kPageBytes}, config);
    terms.versions = versions;
    return world_.run(read(std::move(terms)));
  }

  /// Reads objects of as many keys that fail.
  void fail_keys(const std::string& bucket, int keys, const RequestConfig& config = {}) {
    const std::vector<std::string> names = {bucket};
    for (int i = 0; i < keys; ++i) {
      ReadTerms terms(names, buckets_.rank(names), "bad-" + std::to_string(next_key_++),
                      ByteRange{0, kPageBytes}, config);
      ASSERT_TRUE(world_.run(read(std::move(terms))).error);
    }
  }

  /// Reads often enough that the bucket has latencies and a hedge budget.
  void learn(int answers = 100, std::chrono::milliseconds delay = std::chrono::milliseconds(30)) {
    origin_.behave({.head_delay = delay});
    for (int i = 0; i < answers; ++i) ASSERT_FALSE(get().error);
    origin_.behave({});
    learnt_ = origin_.asked().size();
  }
  [[nodiscard]] size_t asked() const { return origin_.asked().size() - learnt_; }

  rt::VirtualWorker world_;
  Metrics metrics_;
  FakeOrigin origin_;
  Buckets buckets_{0.99, world_.clock(), metrics_};
  Gate gate_;
  ReadMetrics read_metrics_{metrics_};
  ReadContext context_{origin_, buckets_, gate_, read_metrics_};
  size_t learnt_ = 0;
  int next_key_ = 0;
};

}  // namespace cachey::origin
