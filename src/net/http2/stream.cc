#include "net/http2/stream.h"

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "base/io_vector.h"
#include "net/http2/session.h"

namespace cachey::net::http2 {

Stream::Stream(WorkerState& state, Session& session, int32_t id)
    : state_(state), session_(session), id_(id), head_(state) {
  ++state_.http2_streams;
}

Stream::~Stream() {
  --state_.http2_streams;
  session_.forget(*this);
}

void Stream::start(const ResponseHead& head) {
  if (stage_ == Stage::kAborted) return;
  CHECK(stage_ == Stage::kIdle);
  stage_ = Stage::kStarted;
  state_.stats.responses_of(Protocol::kHttp2).count(head.status());
  body_left_ = head.content_length();
  head_only_ = head_.method() == Method::kHead;
  has_trailers_ = !head_only_ && head.trailer_name().has_value() && !head.trailer_name()->empty();
  const bool ends = head_only_ || (body_left_ == 0 && !has_trailers_);
  if (!lost_) session_.submit_head(*this, head, ends);
}

size_t Stream::offer(std::span<const iovec> body) {
  if (over()) return 0;
  CHECK(stage_ == Stage::kStarted);
  const size_t offered = total_bytes(body);
  CHECK(offered <= body_left_);
  if (head_only_) {
    body_left_ -= offered;
    return offered;
  }
  return offered == 0 ? 0 : session_.offer(*this, body, offered);
}

rt::Task<bool> Stream::writable() {
  while (!over()) {
    if (session_.takes_body(*this)) co_return true;
    if (!head_made_) session_.push();
    const bool in_time = co_await session_.turns().wait(*this, true);
    if (!in_time) session_.reset(*this, NGHTTP2_CANCEL);
  }
  co_return false;
}

/// Makes frames until `made` holds, which one of this stream's frames brings about.
rt::Task<bool> Stream::send_until(const bool& made) {
  while (!made && !over()) {
    session_.push();
    if (made || over()) break;
    (void)co_await session_.turns().wait(*this, false);
  }
  co_return made;
}

rt::Task<bool> Stream::flush() {
  if (over()) co_return false;
  CHECK(stage_ == Stage::kStarted);
  co_return co_await send_until(head_made_);
}

rt::Task<bool> Stream::finish(std::span<const Field> trailers) {
  if (stage_ == Stage::kAborted || (lost_ && !end_made_)) co_return false;
  CHECK(stage_ == Stage::kStarted);
  CHECK(body_left_ == 0 || head_only_);
  if (has_trailers_) session_.submit_trailers(*this, trailers);
  if (!end_made_) (void)co_await send_until(end_made_);
  if (end_made_) stage_ = Stage::kFinished;
  co_return end_made_;
}

void Stream::abort() {
  if (stage_ == Stage::kFinished || stage_ == Stage::kAborted) return;
  stage_ = Stage::kAborted;
  if (!lost_) session_.reset(*this, NGHTTP2_INTERNAL_ERROR);
}

rt::Task<void> Stream::refuse() {
  ResponseHead head(head_.refusal_status());
  head.add("Content-Type", "text/plain; charset=utf-8");
  if (head.status() == 503) head.add("Retry-After", "1");
  head.set_content_length(head_.refusal_text().size());
  start(head);
  const bool sent = co_await offer_all(*this, head_.refusal_text());
  if (sent) (void)co_await finish(std::span<const Field>());
}

void Stream::lose() {
  lost_ = true;
  session_.turns().leave(*this);
}

}  // namespace cachey::net::http2
