#include "origin/testing/fake_origin.h"

#include <algorithm>
#include <utility>

#include "origin/back_off.h"
#include "rt/wakeup.h"

namespace cachey::origin {

namespace {

constexpr std::chrono::milliseconds kLookAtHeldEvery{1};

Error cancelled() { return {ErrorKind::kCancelled, "nobody waits for the answer"}; }

}  // namespace

/// The bytes of an object of this size that a request asks for; empty for a HEAD.
static ByteRange range_of(const GetRequest& request, uint64_t size) {
  const ByteRange& asked = request.range;
  switch (request.ask) {
    case Ask::kHead:
      return {};
    case Ask::kTail:
      return {size - std::min(size, asked.size()), size};
    case Ask::kRange:
      break;
  }
  return {asked.begin, std::min(asked.end, size)};
}

class FakeOrigin::Stream final : public GetStream {
 public:
  Stream(rt::Worker& worker, const Object& object, const GetRequest& request, Behaviour behaviour,
         MonoTime sent_at, std::atomic<uint64_t>& sent)
      : worker_(worker),
        seed_(object.seed),
        range_(range_of(request, object.size)),
        at_(range_.begin),
        behaviour_(std::move(behaviour)),
        stop_(request.stop),
        sent_at_(sent_at),
        sent_(sent) {
    info_.etag = object.etag;
    info_.size = object.size;
    info_.last_modified = object.last_modified;
    const bool whole = request.ask == Ask::kHead;
    ObjectAttributes attributes(object.attributes, whole ? object.checksums : "");
    if (whole) attributes.set_tells_checksums();
    if (attributes.bytes() > ObjectAttributes::kBytesMax)
      attributes = ObjectAttributes::make_too_large();
    info_.attributes = std::make_shared<const ObjectAttributes>(std::move(attributes));
  }

  const ObjectInfo& info() const override { return info_; }
  ByteRange range() const override { return range_; }
  MonoTime sent_at() const override { return sent_at_; }
  uint64_t progress() override { return at_ - range_.begin; }

  rt::Task<Result<size_t>> read(std::span<std::byte> into) override {
    if (behaviour_.read_delay.count() > 0) {
      (void)co_await rt::sleep(worker_, behaviour_.read_delay, stop_);
    }
    const uint64_t done = progress();
    if (behaviour_.stall_after == done) {
      behaviour_.stall_after.reset();
      (void)co_await rt::sleep(worker_, behaviour_.stall_time, stop_);
    }
    while (behaviour_.held && behaviour_.held() && !stop_.stop_requested()) {
      (void)co_await rt::sleep(worker_, kLookAtHeldEvery, stop_);
    }
    if (stop_.stop_requested()) co_return std::unexpected(cancelled());
    if (behaviour_.cut_after && done >= *behaviour_.cut_after) {
      co_return fail(ErrorKind::kUpstream, "the body broke off");
    }
    uint64_t count = std::min<uint64_t>({into.size(), behaviour_.read_bytes, range_.end - at_});
    for (const std::optional<uint64_t>& mark : {behaviour_.cut_after, behaviour_.stall_after}) {
      if (mark && *mark > done) count = std::min(count, *mark - done);
    }
    for (uint64_t i = 0; i < count && !behaviour_.blank; ++i) {
      into[i] = object_byte(seed_, at_ + i);
    }
    at_ += count;
    sent_ += count;
    if (behaviour_.damaged && at_ == range_.end) co_return fail(ErrorKind::kDamaged, "damaged");
    co_return count;
  }

 private:
  rt::Worker& worker_;
  const uint64_t seed_;
  const ByteRange range_;
  uint64_t at_;
  Behaviour behaviour_;
  const std::stop_token stop_;
  const MonoTime sent_at_;
  std::atomic<uint64_t>& sent_;
  ObjectInfo info_;
};

void FakeOrigin::put(const std::string& bucket, const std::string& key, Object object) {
  const MutexLock lock(mutex_);
  objects_[{bucket, key}] = std::move(object);
}

void FakeOrigin::behave(Behaviour behaviour) {
  const MutexLock lock(mutex_);
  behaviour_ = std::move(behaviour);
}

void FakeOrigin::behave(const std::string& bucket, Behaviour behaviour) {
  const MutexLock lock(mutex_);
  by_bucket_[bucket] = std::move(behaviour);
}

void FakeOrigin::behave_by(std::function<Behaviour(const GetRequest&, size_t)> choose) {
  const MutexLock lock(mutex_);
  choose_ = std::move(choose);
}

std::vector<FakeOrigin::Asked> FakeOrigin::asked() const {
  const MutexLock lock(mutex_);
  return asked_;
}

FakeOrigin::Behaviour FakeOrigin::begin(const GetRequest& request) {
  std::function<Behaviour(const GetRequest&, size_t)> choose;
  size_t number = 0;
  {
    const MutexLock lock(mutex_);
    number = asked_.size();
    asked_.push_back(Asked{request.bucket, request.key, request.range, request.if_match,
                           request.config, request.ask, request.explain_absence});
    const auto found = by_bucket_.find(request.bucket);
    if (!choose_) return found == by_bucket_.end() ? behaviour_ : found->second;
    choose = choose_;
  }
  return choose(request, number);  // without the lock: `choose` may call put()
}

Result<FakeOrigin::Object> FakeOrigin::answer(const GetRequest& request,
                                              const Behaviour& behaviour) {
  if (behaviour.error) return std::unexpected(*behaviour.error);
  const MutexLock lock(mutex_);
  const auto found = objects_.find({request.bucket, request.key});
  if (found == objects_.end()) return fail(ErrorKind::kNotFound, "no such key");
  if (!request.if_match.empty() && request.if_match != found->second.etag) {
    return fail(ErrorKind::kChanged, "precondition failed");
  }
  const uint64_t first = request.ask == Ask::kTail ? 0 : request.range.begin;
  if (request.ask != Ask::kHead && first >= found->second.size) {
    return std::unexpected(Error::range_not_satisfiable(found->second.size));
  }
  return found->second;
}

rt::Task<Result<std::unique_ptr<GetStream>>> FakeOrigin::get(rt::Worker& worker,
                                                             GetRequest request) {
  const Behaviour behaviour = begin(request);
  if (behaviour.unsent.count() > 0) {
    const bool wanted = co_await rt::sleep(worker, behaviour.unsent, request.stop);
    if (!wanted) co_return std::unexpected(cancelled());
  }
  const MonoTime sent_at = worker.timers().now();
  std::optional<Result<Object>> as_sent;
  if (behaviour.as_sent) as_sent = answer(request, behaviour);
  if (behaviour.head_delay.count() > 0) {
    const bool wanted = co_await rt::sleep(worker, behaviour.head_delay, request.stop);
    if (!wanted) co_return std::unexpected(cancelled());
  }
  while (behaviour.head_held && behaviour.head_held()) {
    const bool wanted = co_await rt::sleep(worker, kLookAtHeldEvery, request.stop);
    if (!wanted) co_return std::unexpected(cancelled());
  }
  if (behaviour.backoff.count() > 0) {
    if (request.turn != nullptr) request.turn->attempt_failed(*behaviour.error);
    (void)co_await back_off(worker, request, behaviour.backoff, MonoTime::max());
    if (request.stop.stop_requested()) co_return std::unexpected(cancelled());
    if (request.hurry.stop_requested())
      co_return fail(behaviour.error->kind(), behaviour.error->message(), ErrorCause::kHurried);
  }
  Result<Object> object = as_sent ? std::move(*as_sent) : answer(request, behaviour);
  if (!object) co_return std::unexpected(std::move(object.error()));
  std::unique_ptr<GetStream> stream =
      std::make_unique<Stream>(worker, *object, request, behaviour, sent_at, bytes_sent_);
  co_return stream;
}

}  // namespace cachey::origin
