#include "day/reads.h"

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/units.h"
#include "day/store.h"

namespace cachey::bench {
namespace {

using origin::ByteSink;
using origin::PendingGet;
using origin::PendingGetPtr;
using origin::ReadContext;

/// Accepts bytes and drops them.
class Drain final : public ByteSink {
 public:
  Drain(rt::Worker& worker, MonoTime began) : worker_(worker), began_(began) {}

  std::span<std::byte> room(uint64_t) override {
    static std::array<std::byte, kMiB> nowhere;
    return nowhere;
  }
  void arrived(ByteRange) override {
    if (first_byte == 0) first_byte = since(began_);
  }
  [[nodiscard]] double since(MonoTime time) const {
    const std::chrono::duration<double> passed = worker_.timers().now() - time;
    return passed.count();
  }

  double first_byte = 0;

 private:
  rt::Worker& worker_;
  const MonoTime began_;
};

/// One of two requests of the naive rule, with the bytes that it received.
struct Runner {
  Runner(rt::Worker& worker, MonoTime began) : drain(worker, began) {}
  Drain drain;
  PendingGetPtr get;
  bool reading = false;
  bool failed = false;

  /// True when the whole body has arrived.
  bool advance(const ReadContext& context, const std::string& bucket, rt::Worker& worker) {
    if (get == nullptr || failed || !get->answered()) return false;
    if (const Error* error = get->failure()) {
      context.buckets.failed(bucket, get->request().key, *error);
      failed = true;
      return false;
    }
    if (!reading) {
      context.buckets.answered(bucket, get->request().key, worker.timers().now() - get->sent_at());
      reading = true;
      get->read_body(drain);
    }
    if (!get->body_ended()) return false;
    if (!get->body_end()) {
      context.buckets.failed(bucket, get->request().key, get->body_end().error());
      failed = true;
    }
    return !failed;
  }
};

origin::GetRequest request_for(const std::string& bucket, const std::string& key) {
  origin::GetRequest request;
  request.bucket = bucket;
  request.key = key;
  request.range = {0, kPageBytes};
  return request;
}

}  // namespace

rt::Task<Outcome> read_page(const ReadContext& context, rt::Worker& worker,
                            std::vector<std::string> buckets, std::string kind, std::string key) {
  const MonoTime began = worker.timers().now();
  origin::ReadTerms terms(buckets, context.buckets.rank(buckets), key, ByteRange{0, kPageBytes},
                          {});
  terms.kind = std::move(kind);
  origin::ObjectRead object(context, worker, std::move(terms));
  Drain drain(worker, began);
  Result<void> done = co_await object.open();
  if (done) done = co_await object.run(drain);
  co_return Outcome(done.has_value(), drain.first_byte, drain.since(began));
}

rt::Task<Outcome> naive_read_page(const ReadContext& context, rt::Worker& worker,
                                  std::vector<std::string> buckets, std::string kind,
                                  std::string key) {
  const MonoTime began = worker.timers().now();
  rt::Wakeup wakeup(worker);
  const origin::BucketOrder order = context.buckets.rank(buckets);
  for (size_t turn = 0; turn < order.count; ++turn) {
    const std::string& bucket = buckets[order.index[turn]];
    std::array runners{std::make_unique<Runner>(worker, began),
                       std::make_unique<Runner>(worker, began)};
    const origin::Gate::Request request(bucket, kind, {});
    const auto send = [&](Runner& runner) {
      std::optional<origin::Gate::Pass> pass = context.gate.try_enter(request);
      CHECK(pass);  // the gate of this way has no limit
      runner.get = PendingGet::send(worker, context.origin, request_for(bucket, key),
                                    std::move(*pass), wakeup);
    };
    send(*runners[0]);
    const auto delay = context.buckets.patience(bucket).late;
    const MonoTime hedge_at = delay ? runners[0]->get->sent_at() + *delay : MonoTime::max();
    Runner* winner = nullptr;
    while (winner == nullptr) {
      for (auto& runner : runners) {
        if (runner->advance(context, bucket, worker)) winner = runner.get();
      }
      const bool second_sent = runners[1]->get != nullptr;
      if (winner != nullptr || (runners[0]->failed && (!second_sent || runners[1]->failed))) break;
      if (!second_sent && worker.timers().now() >= hedge_at) send(*runners[1]);
      if (runners[1]->get == nullptr && delay) {
        co_await wakeup.wait_until(hedge_at);
      } else {
        co_await wakeup.wait();
      }
    }
    // Stop the loser's body and wait for its end: its task refers to this frame.
    for (auto& runner : runners) {
      if (runner->get == nullptr || runner.get() == winner) continue;
      if (!runner->reading) {
        runner->get->give_up();
        continue;
      }
      runner->get->stop();
      while (!runner->get->body_ended()) co_await wakeup.wait();
    }
    if (winner != nullptr) {
      co_return Outcome(true, winner->drain.first_byte, winner->drain.since(began));
    }
  }
  co_return Outcome();
}

}  // namespace cachey::bench
