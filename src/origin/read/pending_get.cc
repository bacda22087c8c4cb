#include "origin/read/pending_get.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "base/check.h"

namespace cachey::origin {
namespace {

constexpr size_t kDroppedAtOnce = 4096;
constexpr size_t kFirstBytesMax = 4096;

}  // namespace

PendingGet::PendingGet(rt::Worker& worker, GetRequest request, Gate::Pass pass, rt::Wakeup& wakeup,
                       AnsweredBy by)
    : worker_(worker),
      request_(std::move(request)),
      sent_at_(worker.timers().now()),
      wakeup_(&wakeup),
      place_(pass.place()),
      pass_(std::move(pass)),
      by_(by),
      position_(request_.range.begin),
      last_arrival_(sent_at_),
      silent_since_(sent_at_) {}

PendingGetPtr PendingGet::send(rt::Worker& worker, Origin& origin, GetRequest request,
                               Gate::Pass pass, rt::Wakeup& wakeup, AnsweredBy by) {
  auto get = std::make_shared<PendingGet>(worker, std::move(request), std::move(pass), wakeup, by);
  get->request_.stop = get->stop_.get_token();
  get->request_.hurry = get->hurry_.get_token();
  get->request_.turn = get.get();
  worker.tasks().spawn(get_answer(get, origin));
  return get;
}

rt::Task<void> PendingGet::get_answer(PendingGetPtr self, Origin& origin) {
  GetRequest request = self->request_;
  try {
    Result<std::unique_ptr<GetStream>> answer =
        co_await origin.get(self->worker_, std::move(request));
    if (!answer) answer = std::unexpected(self->named(std::move(answer.error())));
    self->head_at_ = self->worker_.timers().now();
    self->looks_for_bytes_ = self->by_ == AnsweredBy::kBytes && answer.has_value();
    self->answer_ = std::move(answer);
    if (self->looks_for_bytes_) co_await self->read_first_bytes();
  } catch (const std::exception& failure) {
    self->answer_ = fail(ErrorKind::kInternal, failure.what());
  }
  self->looks_for_bytes_ = false;
  if (self->failure() == nullptr) {
    self->settle_range();
    self->last_sign_ = self->worker_.timers().now();
    self->hangs_ = false;
    self->pass_->expect_body_bytes(self->stream().range().size());
  } else {
    self->pass_.reset();
  }
  self->notify_sender();
}

/// From now on a request for a tail is one for the range that the answer has.
void PendingGet::settle_range() {
  if (request_.ask != Ask::kTail) return;
  request_.ask = Ask::kRange;
  request_.range = stream().range();
  position_ = request_.range.begin;
}

/// A body that fails before its first byte is a failed answer.
rt::Task<void> PendingGet::read_first_bytes() {
  const uint64_t size = std::min<uint64_t>(stream().range().size(), kFirstBytesMax);
  if (size == 0) co_return;
  first_bytes_.resize(size);
  Result<size_t> got = co_await stream().read(first_bytes_);
  if (got) {
    first_bytes_.resize(*got);
  } else {
    answer_ = std::unexpected(named(std::move(got.error())));
  }
}

/// The next bytes of the body: those that have come already, then the stream's.
rt::Task<Result<size_t>> PendingGet::read_next(std::span<std::byte> into) {
  if (first_bytes_.empty()) co_return co_await stream().read(into);
  const auto size = std::min(into.size(), first_bytes_.size());
  std::copy_n(first_bytes_.begin(), size, into.begin());
  first_bytes_.erase(first_bytes_.begin(),
                     first_bytes_.begin() + static_cast<std::ptrdiff_t>(size));
  co_return size;
}

void PendingGet::attempt_failed(const Error& why) {
  if (why.kind() != ErrorKind::kTimeout) last_sign_ = worker_.timers().now();
  failed_attempts_.push_back(why);
}

rt::Task<bool> PendingGet::come_back(MonoTime deadline) {
  Gate::Request again(request_.bucket, place_.kind, Priority(), place_.stage);
  again.client = place_.client;
  const MonoTime latest = worker_.timers().now() + Gate::kWaitTimeMax;
  Result<Gate::Pass> pass = co_await place_.gate->enter(worker_, again, std::min(deadline, latest));
  if (!pass) co_return false;
  pass_.emplace(std::move(*pass));
  silent_since_ = worker_.timers().now();
  co_return !stop_.stop_requested();
}

void PendingGet::read_body(ByteSink& sink) {
  CHECK(answered() && failure() == nullptr);
  body_is_read_ = true;
  silent_since_ = worker_.timers().now();
  pass_->unpark();
  worker_.tasks().spawn(read_to_end(shared_from_this(), sink));
}

rt::Task<void> PendingGet::read_to_end(PendingGetPtr self, ByteSink& sink) {
  Result<void> ended;
  try {
    while (self->position_ < self->delivered_from_ && ended) ended = co_await self->drop_some();
    while (self->position_ < self->stream().range().end && ended) {
      ended = co_await self->read_some(sink);
    }
  } catch (const std::exception& failure) {
    ended = fail(ErrorKind::kInternal, failure.what());
  }
  if (!ended) ended = std::unexpected(self->named(std::move(ended.error())));
  self->body_end_ = std::move(ended);
  self->pass_.reset();
  self->notify_sender();
}

rt::Task<Result<void>> PendingGet::read_some(ByteSink& sink) {
  std::span<std::byte> into = sink.room(position_);
  into = into.first(std::min<uint64_t>(into.size(), stream().range().end - position_));
  Result<size_t> got = co_await read_next(into);
  if (!got) co_return std::unexpected(std::move(got.error()));
  CHECK(*got > 0 && *got <= into.size());
  const ByteRange arrived{position_, position_ + *got};
  position_ = arrived.end;
  last_arrival_ = silent_since_ = last_sign_ = worker_.timers().now();
  sink.arrived(arrived);
  co_return Result<void>();
}

rt::Task<Result<void>> PendingGet::drop_some() {
  std::array<std::byte, kDroppedAtOnce> dropped;
  const std::span<std::byte> into(dropped.data(),
                                  std::min<uint64_t>(dropped.size(), delivered_from_ - position_));
  const Result<size_t> got = co_await read_next(into);
  if (!got) co_return std::unexpected(got.error());
  position_ += *got;
  silent_since_ = last_sign_ = worker_.timers().now();
  co_return Result<void>();
}

uint64_t PendingGet::bytes_unused() {
  if (!answered() || failure() != nullptr) return 0;
  const uint64_t came = stream().progress();
  const uint64_t used = position_ - request_.range.begin;
  return came - std::min(came, used);
}

void PendingGet::watch(MonoTime now, std::chrono::nanoseconds hang_limit) {
  if (!pass_) return;
  hangs_ = now >= silent_since_ + hang_limit && bytes_unused() == 0;
  if (!hangs_) return pass_->revive();
  pass_->hang(hung_, silent_since_);
  if (!hung_.is_ended()) return;
  made_way_ = true;
  stop();
}

/// `failure`, or why the gate ended the GET.
Error PendingGet::named(Error failure) const {
  if (!made_way_ || failure.kind() != ErrorKind::kCancelled) return failure;
  return {ErrorKind::kTimeout, "no byte came, and other requests waited for the place"};
}

void PendingGet::give_up() {
  wakeup_ = nullptr;
  stop_.request_stop();
}

void PendingGet::notify_sender() {
  if (wakeup_ != nullptr) wakeup_->notify();
}

}  // namespace cachey::origin
