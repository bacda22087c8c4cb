#include "net/http2/stream.h"

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "base/io_vector.h"
#include "net/http/buffer.h"
#include "net/http2/limits.h"

namespace cachey::net::http2 {

Stream::Stream(WorkerState& state, Sending& sending, RequestMemory::Share& memory, int32_t id,
               MonoTime now)
    : state_(state), sending_(sending), memory_(memory), response_(id, now), head_(state, memory) {
  sending_.add(response_);
}

Stream::~Stream() {
  memory_.give_back(kRequestBytes);
  sending_.remove(response_);
}

void Stream::start(const ResponseHead& head) {
  if (stage_ == Stage::kAborted) return;
  CHECK(stage_ == Stage::kIdle);
  stage_ = Stage::kStarted;
  state_.stats.responses_of(Protocol::kHttp2).count(head.status());
  response_.open_ended = !head.content_length();
  response_.body_left = head.content_length().value_or(UINT64_MAX);
  response_.head_only = head_.method() == Method::kHead;
  response_.has_trailers =
      !response_.head_only && head.trailer_name().has_value() && !head.trailer_name()->empty();
  if (!response_.lost) sending_.submit_head(response_, head);
}

size_t Stream::offer(std::span<const iovec> body) {
  if (over()) return 0;
  CHECK(stage_ == Stage::kStarted);
  const size_t offered = total_bytes(body);
  CHECK(offered <= response_.body_left);
  if (response_.head_only) {
    response_.body_left -= offered;
    return offered;
  }
  return offered == 0 ? 0 : sending_.offer(response_, body, offered);
}

rt::Task<bool> Stream::writable() {
  while (!over()) {
    if (sending_.takes_body(response_)) co_return true;
    if (!response_.head_made) sending_.push();
    const bool in_time = co_await sending_.turns().wait(response_.place, Turns::Need::kWindow);
    if (!in_time) sending_.reset(response_, NGHTTP2_CANCEL);
  }
  co_return false;
}

/// Makes frames until `made` is true: one of this response's frames sets it.
rt::Task<bool> Stream::send_until(const bool& made) {
  while (!made && !over()) {
    sending_.push();
    if (made || over()) break;
    (void)co_await sending_.turns().wait(response_.place, Turns::Need::kTurn);
  }
  co_return made;
}

rt::Task<bool> Stream::flush() {
  if (over()) co_return false;
  CHECK(stage_ == Stage::kStarted);
  co_return co_await send_until(response_.head_made);
}

/// False: the client is gone.
bool Stream::can_finish() const {
  if (stage_ == Stage::kAborted || (response_.lost && !response_.end_made)) return false;
  CHECK(stage_ == Stage::kStarted);
  CHECK(response_.body_left == 0 || response_.head_only || response_.open_ended);
  return true;
}

std::optional<bool> Stream::try_finish(std::span<const Field> /*trailers*/) {
  if (!can_finish()) return false;
  if (!response_.end_made) return std::nullopt;
  stage_ = Stage::kFinished;
  return true;
}

rt::Task<bool> Stream::finish(std::span<const Field> trailers) {
  if (!can_finish()) co_return false;
  if (response_.open_ended && !response_.head_only) co_await end_body();
  if (response_.has_trailers && !over()) sending_.submit_trailers(response_, trailers);
  if (!response_.end_made) (void)co_await send_until(response_.end_made);
  if (response_.end_made) stage_ = Stage::kFinished;
  co_return response_.end_made;
}

/// The frame that ends a body of unknown length is one of DATA: its stream needs an open window.
rt::Task<void> Stream::end_body() {
  sending_.end_body(response_);
  while (!response_.body_ended && !over()) {
    sending_.push();
    if (response_.body_ended || over()) break;
    const bool in_time = co_await sending_.turns().wait(response_.place, Turns::Need::kWindow);
    if (!in_time) sending_.reset(response_, NGHTTP2_CANCEL);
  }
}

void Stream::abort() {
  if (stage_ == Stage::kFinished || stage_ == Stage::kAborted) return;
  stage_ = Stage::kAborted;
  sending_.reset(response_, NGHTTP2_INTERNAL_ERROR);
}

std::stop_token Stream::client_left() {
  if (!response_.left.stop_possible()) {
    response_.left = std::stop_source();
    if (response_.lost) response_.left.request_stop();
  }
  return response_.left.get_token();
}

rt::Task<void> Stream::refuse() {
  ResponseHead head(head_.refusal_status());
  head.add("Content-Type", "text/plain; charset=utf-8");
  head.add("Cache-Control", "no-store");
  if (head.status() == 503) head.add("Retry-After", "1");
  head.set_content_length(head_.refusal_text().size());
  start(head);
  const bool sent = co_await offer_all(*this, head_.refusal_text());
  if (sent) (void)co_await finish(std::span<const Field>());
}

}  // namespace cachey::net::http2
