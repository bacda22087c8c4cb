#include "net/http1/writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/io_vector.h"
#include "net/http/field_text.h"
#include "net/http1/text.h"

namespace cachey::net::http1 {

Writer::~Writer() {
  if (watch_ != nullptr) watch_->detach();
}

void Writer::begin(const RequestHead& request, bool unread) {
  stage_ = Stage::kIdle;
  unread_ = unread;
  head_only_ = request.method == Method::kHead;
  http_1_0_ = request.http_1_0;
  close_ = request.has_body || !request.keep_alive;
  chunked_ = false;
  open_ended_ = false;
  after_chunk_ = false;
  body_left_ = 0;
  chunk_left_ = 0;
}

void Writer::end() {
  give_back_memory();
  if (watch_ != nullptr) watch_->end();
}

void Writer::give_back_memory() {
  if (out_.capacity() != 0) state_.spares.give(std::exchange(out_, Buffer()));
}

void Writer::start(const ResponseHead& head) {
  if (stage_ == Stage::kAborted) return;
  CHECK(stage_ == Stage::kIdle);
  stage_ = Stage::kStarted;
  state_.stats.responses_of(Protocol::kHttp1).count(head.status());
  open_ended_ = !head.content_length();
  body_left_ = head.content_length().value_or(UINT64_MAX);
  CHECK(!head.trailer_name() || !http_1_0_);
  chunked_ = head.trailer_name() || (open_ended_ && !http_1_0_ && !head_only_);
  const bool to_the_close = open_ended_ && http_1_0_ && !head_only_;
  close_ = close_ || state_.leaving || to_the_close;
  if (to_the_close) socket_.reset_on_close(true);  // an end before finish() is no end of the body
  out_ = state_.spares.take_buffer();
  std::string scratch;
  out_.append(status_line(head.status(), scratch));
  out_.append(state_.date.text());
  if (head.constants() != nullptr) out_.append(head.constants()->text());
  for (const Field& field : head.fields()) append_field(field);
  for (const std::string_view lines : head.lines()) out_.append(lines);
  append_framing(head);
}

void Writer::append_framing(const ResponseHead& head) {
  if (chunked_) {
    out_.append("Transfer-Encoding: chunked\r\n");
    const std::string_view trailer = head.trailer_name().value_or("");
    if (!trailer.empty()) append_field(Field("Trailer", trailer));
  } else if (!open_ended_ && head.status() != 304) {  // where the length would be that of a 200
    out_.append("Content-Length: ");
    append_number(body_left_, 10);
    out_.append("\r\n");
  }
  if (close_) {
    out_.append("Connection: close\r\n\r\n");
  } else if (http_1_0_) {
    out_.append("Connection: keep-alive\r\n\r\n");
  } else {
    out_.append("\r\n");
  }
}

/// Replaces control characters of the value. Names come from handlers and need no check.
void Writer::append_field(const Field& field) {
  const size_t bytes = field.name.size() + field.value.size() + 4;
  out_.reserve(bytes);
  char* to = out_.room().data();
  to = std::copy(field.name.begin(), field.name.end(), to);
  *to++ = ':';
  *to++ = ' ';
  to = copy_clean(field.value, to);
  *to++ = '\r';
  *to++ = '\n';
  out_.commit(bytes);
}

void Writer::append_number(uint64_t number, unsigned base) {
  constexpr size_t kDigitsMax = 20;
  out_.reserve(kDigitsMax);
  char* const to = out_.room().data();
  const auto written = std::to_chars(to, to + kDigitsMax, number, static_cast<int>(base));
  out_.commit(static_cast<size_t>(written.ptr - to));
}

void Writer::open_chunk(size_t bytes) {
  if (after_chunk_) out_.append("\r\n");
  append_number(bytes, 16);
  out_.append("\r\n");
  chunk_left_ = bytes;
  after_chunk_ = true;
}

size_t Writer::offer(std::span<const iovec> body) {
  if (stage_ == Stage::kAborted || socket_.broken()) return 0;
  CHECK(stage_ == Stage::kStarted);
  const size_t offered = total_bytes(body);
  CHECK(offered <= body_left_);
  if (head_only_) {
    body_left_ -= offered;
    return offered;
  }
  if (socket_.full()) return 0;
  if (offer_to_batch(body, offered)) return offered;
  size_t taken = 0;
  while (taken < offered && !socket_.full() && !socket_.broken()) {
    const size_t left = offered - taken;
    if (chunked_ && chunk_left_ == 0) open_chunk(left);
    const size_t limit = chunked_ && chunk_left_ < left ? static_cast<size_t>(chunk_left_) : left;
    const size_t n = send_round(body, taken, limit);
    if (chunked_) chunk_left_ -= n;
    body_left_ -= n;
    taken += n;
    if (limit == left) break;  // one call, unless a chunk ended in the middle
  }
  if (socket_.full()) full_since_ = state_.worker.timers().now();
  return taken;
}

/// Gives the batch `body`, if that is the whole rest of the answer. False: it is to be sent now,
/// and what the batch has is sent, because a large answer would delay that.
bool Writer::offer_to_batch(std::span<const iovec> body, size_t bytes) {
  const bool may_wait = bytes == body_left_ && !chunked_ && !close_;
  if (may_wait && state_.batch->take(socket_, out_.text(), body, out_.size() + bytes)) {
    body_left_ = 0;
    out_.clear();
    give_back_memory();
    return true;
  }
  state_.batch->send_all();
  return false;
}

/// One sendmsg of `out_`, then at most `limit` bytes of `body` from byte `skip` on. Returns how
/// many bytes of the body were taken.
size_t Writer::send_round(std::span<const iovec> body, size_t skip, size_t limit) {
  std::array<iovec, ClientSocket::kSendPartsMax> parts;
  const size_t framing = out_.size();
  const size_t own_parts = framing == 0 ? 0 : 1;
  parts[0] = iovec{out_.bytes().data(), framing};
  const std::span<iovec> of_body =
      slice_parts(body, skip, std::min(limit, ClientSocket::kSendBytesMax),
                  std::span(parts).subspan(own_parts));
  const size_t sent = socket_.send(std::span(parts).first(own_parts + of_body.size()),
                                   framing + total_bytes(of_body));
  out_.consume(std::min(sent, framing));
  if (out_.empty() && !chunked_) give_back_memory();  // a plain body needs it no more
  return sent > framing ? sent - framing : 0;
}

rt::Task<bool> Writer::writable() {
  if (stage_ == Stage::kAborted) co_return false;
  const MonoTime begun = state_.worker.timers().now();
  const bool was_full = socket_.full();  // else the wait tells nothing of the client
  const bool more = co_await socket_.writable(state_.config.write_timeout);
  if (more && was_full) after_wait(begun);
  co_return more;
}

/// A handler may pause between a full socket and its wait, because the client has a bandwidth. A
/// short wait after a long pause tells nothing: the client may have taken the bytes slowly.
void Writer::after_wait(MonoTime begun) {
  const MonoTime now = state_.worker.timers().now();
  const std::chrono::nanoseconds waited = now - begun;
  const bool is_short = waited <= DeepSockets::kShortWait;
  if (is_short && now - full_since_ > DeepSockets::kShortWait) return;
  state_.deep.after_wait(socket_, waited);
}

/// The kernel has all of `out_` now, and of what the socket keeps.
bool Writer::try_send_out() {
  if (!out_.empty()) (void)send_round(std::span<const iovec>(), 0, 0);
  return out_.empty() && !socket_.full();
}

rt::Task<bool> Writer::send_out() {
  while (!try_send_out()) {
    const bool more = co_await socket_.writable(state_.config.write_timeout);
    if (!more) co_return false;
  }
  co_return true;
}

rt::Task<bool> Writer::flush() {
  if (stage_ == Stage::kAborted || socket_.broken()) co_return false;
  CHECK(stage_ == Stage::kStarted);
  co_return co_await send_out();
}

/// False: the client is gone.
bool Writer::can_finish() const {
  if (stage_ == Stage::kAborted || socket_.broken()) return false;
  CHECK(stage_ == Stage::kStarted);
  CHECK(body_left_ == 0 || head_only_ || open_ended_);
  return true;
}

void Writer::note_finished() {
  if (open_ended_) socket_.reset_on_close(false);
  stage_ = Stage::kFinished;
}

std::optional<bool> Writer::try_finish(std::span<const Field> /*trailers*/) {
  if (!can_finish()) return false;
  if (chunked_ && !head_only_) return std::nullopt;
  if (!try_send_out()) return std::nullopt;
  note_finished();
  return true;
}

rt::Task<bool> Writer::finish(std::span<const Field> trailers) {
  if (!can_finish()) co_return false;
  if (chunked_ && !head_only_) {
    out_.append(after_chunk_ ? "\r\n0\r\n" : "0\r\n");
    for (const Field& trailer : trailers) append_field(trailer);
    out_.append("\r\n");
  }
  const bool sent = co_await send_out();
  if (!sent) co_return false;
  note_finished();
  co_return true;
}

void Writer::abort() {
  if (stage_ == Stage::kFinished) return;
  stage_ = Stage::kAborted;
  if (socket_.expired()) {
    socket_.break_off();  // the client reads nothing: drop what the kernel holds
  } else {
    (void)socket_.send_taken();  // of the answer before
    socket_.close();
  }
}

std::stop_token Writer::client_left() {
  if (watch_ == nullptr) {
    watch_ = std::make_shared<ClientWatch>(state_.worker.timers(), state_.awaited, socket_);
  }
  return watch_->begin(unread_);
}

}  // namespace cachey::net::http1
