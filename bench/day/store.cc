#include "day/store.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "rt/wakeup.h"

namespace cachey::bench {
namespace {

using namespace std::chrono_literals;
using origin::GetRequest;
using origin::GetStream;

constexpr auto kConnectTimeout = 3100ms;
constexpr std::chrono::duration<double> kBetweenReads = 50ms;
constexpr double kQuantile99 = 2.3263;  // of the normal distribution

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::nanoseconds(static_cast<int64_t>(value * 1e9));
}

Error cancelled() { return {ErrorKind::kCancelled, "nobody waits"}; }

}  // namespace

uint64_t size_of(const std::string& key) { return std::stoull(key.substr(key.rfind('/') + 1)); }

/// A body. Arrives in pieces, at its share of the store's speed.
class Store::Body final : public GetStream {
 public:
  Body(Store& store, rt::Worker& worker, const GetRequest& request, MonoTime sent_at)
      : store_(store),
        worker_(worker),
        stop_(request.stop),
        sent_at_(sent_at),
        range_(request.range) {
    info_.size = size_of(request.key);
    info_.etag = "\"1\"";
    range_.end = std::min(range_.end, info_.size);
    at_ = range_.begin;
    if (store_.chance(kBodyStalls)) stall_at_ = somewhere();
    if (store_.chance(kResets)) reset_at_ = somewhere();
    ++store_.bodies_;
  }
  ~Body() override { --store_.bodies_; }

  const ObjectInfo& info() const override { return info_; }
  ByteRange range() const override { return range_; }
  MonoTime sent_at() const override { return sent_at_; }
  uint64_t progress() override { return at_ - range_.begin; }

  rt::Task<Result<size_t>> read(std::span<std::byte> into) override {
    const double speed =
        std::min(kConnectionBytesPerSecond, kStoreBytesPerSecond / std::max(1, store_.bodies_));
    const uint64_t left = std::min<uint64_t>(into.size(), range_.end - at_);
    const double time = std::min(static_cast<double>(left) / speed, kBetweenReads.count());
    std::chrono::nanoseconds wait = seconds(time);
    if (stall_at_ && at_ >= *stall_at_) {
      stall_at_.reset();
      wait = store_.between(2, 6);
    }
    const bool wanted = co_await rt::sleep(worker_, wait, stop_);
    if (!wanted) co_return std::unexpected(cancelled());
    if (reset_at_ && at_ >= *reset_at_) co_return fail(ErrorKind::kUpstream, "reset");
    const uint64_t came = std::clamp<uint64_t>(static_cast<uint64_t>(speed * time), 1, left);
    at_ += came;
    store_.bytes_ += came;
    co_return came;
  }

 private:
  uint64_t somewhere() {
    return at_ +
           static_cast<uint64_t>(store_.unit_(store_.random_) * static_cast<double>(range_.size()));
  }

  Store& store_;
  rt::Worker& worker_;
  const std::stop_token stop_;
  const MonoTime sent_at_;
  ByteRange range_;
  uint64_t at_ = 0;
  std::optional<uint64_t> stall_at_;
  std::optional<uint64_t> reset_at_;
  ObjectInfo info_;
};

/// Six brown-outs a day of ten minutes each, at different hours for each bucket. The first bucket
/// is dead from 14:00 to 14:30.
Store::Weather Store::weather(const std::string& bucket) const {
  const auto minute =
      std::chrono::duration_cast<std::chrono::minutes>(clock_.mono() - began_).count();
  Weather now;
  const bool first = bucket == "a";
  now.dead = first && minute >= 14 * 60 && minute < 14 * 60 + 30;
  const auto into_four_hours = (minute + (first ? 0 : 120)) % 240;
  if (into_four_hours >= 60 && into_four_hours < 70) now = {.slower = 8, .failing = 0.03};
  return now;
}

std::chrono::nanoseconds Store::between(double least, double most) {
  return seconds(least + unit_(random_) * (most - least));
}

std::chrono::nanoseconds Store::time_of_head(const Weather& now) {
  const double sigma = std::log(kP99Seconds / kMedianSeconds) / kQuantile99;
  std::lognormal_distribution<double> usual(std::log(kMedianSeconds), sigma);
  std::chrono::nanoseconds time = seconds(usual(random_) * now.slower);
  if (chance(kHeadStalls)) time += between(1, 4);
  return time;
}

rt::Task<Result<std::unique_ptr<GetStream>>> Store::get(rt::Worker& worker, GetRequest request) {
  ++requests_;
  const MonoTime sent_at = worker.timers().now();
  const Weather now = weather(request.bucket);
  const std::chrono::nanoseconds time = now.dead ? kConnectTimeout : time_of_head(now);
  const bool fails = chance(now.failing);
  const bool wanted = co_await rt::sleep(worker, time, request.stop);
  if (!wanted) co_return std::unexpected(cancelled());
  if (now.dead) co_return fail(ErrorKind::kTimeout, "no connection");
  if (fails) co_return fail(ErrorKind::kThrottled, "503");
  std::unique_ptr<GetStream> body = std::make_unique<Body>(*this, worker, request, sent_at);
  co_return body;
}

}  // namespace cachey::bench
