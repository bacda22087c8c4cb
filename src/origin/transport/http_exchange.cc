#include "origin/transport/http_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace cachey::origin {
namespace {

// One read of a head takes at most this much: room for several heads, and little of the body that
// follows has to be copied.
constexpr size_t kFillBytes = 8 * 1024;

// Servers send one or two.
constexpr int kInterimAnswersMax = 8;

// We close an idle connection this long before the server's announced time, so that no request
// meets the server's close.
constexpr std::chrono::milliseconds kIdleMargin{500};

// All bytes of the body have come. The last chunk, or the close, is awaited for at most this long:
// it decides only whether the connection may be used again.
constexpr std::chrono::milliseconds kBodyEndWait{100};

// An error's text without a length ends with the connection. If the server keeps the connection,
// the text ends with a pause.
constexpr std::chrono::milliseconds kErrorTextPause{500};

constexpr unsigned kSwitchingProtocols = 101;
constexpr unsigned kNoContent = 204;
constexpr unsigned kNotModified = 304;
constexpr unsigned kRequestTimeout = 408;

std::span<std::byte> bytes_of(std::string& text, size_t begin) {
  return std::as_writable_bytes(std::span(text.data() + begin, text.size() - begin));
}

IoFailure request_failure(IoFailure failure) {
  failure.text = "the request to the origin failed: " + failure.text;
  return failure;
}

}  // namespace

rt::Task<Attempt<ResponseHead>> HttpExchange::start(std::string_view request, MonoTime deadline,
                                                    Body body, KeepLines lines) {
  IoResult<void> sent = co_await lease_.connection().write(request, deadline);
  if (!sent) {
    const IoFailure::Cause cause = sent.error().cause;
    died_unanswered_ = lease_.reused() && cause != IoFailure::Cause::kTimedOut &&
                       cause != IoFailure::Cause::kCancelled;
    Failure failure = failure_of(request_failure(std::move(sent.error())));
    lease_.drop();
    co_return std::unexpected(std::move(failure));
  }
  Attempt<ResponseHead> head = co_await read_head(deadline, lines);
  if (head && head->status == kRequestTimeout && !head->keep_alive && lease_.reused()) {
    died_unanswered_ = true;
    head = std::unexpected(
        Failure(Error(ErrorKind::kUpstream, "the origin closed an idle connection with a 408")));
  }
  if (!head) {
    lease_.drop();
    co_return std::unexpected(std::move(head.error()));
  }
  keep_alive_ = head->keep_alive;
  keep_alive_timeout_ = head->keep_alive_timeout;
  is_error_ = head->status >= 300;
  const bool bodiless =
      body == Body::kNone || head->status == kNoContent || head->status == kNotModified;
  chunked_ = head->chunked && !bodiless;
  content_length_ = bodiless ? 0 : head->content_length;
  until_close_ = !chunked_ && !content_length_;
  co_return std::move(head);
}

rt::Task<Attempt<ResponseHead>> HttpExchange::read_head(MonoTime deadline, KeepLines lines) {
  size_t searched = 0;  // bytes of unread() that hold no end of a head
  int interim_answers = 0;
  while (true) {
    const Result<size_t> size = find_head_end(unread(), searched);
    if (!size) co_return std::unexpected(Failure(size.error()));
    const size_t head_bytes = *size == 0 ? unread().size() : *size;
    if (head_bytes > kHeadBytesMax) {
      co_return std::unexpected(
          Failure(Error(ErrorKind::kUpstream, "the head of the origin's answer is too long",
                        ErrorCause::kUnusableAnswer)));
    }
    if (*size == 0) {
      searched = head_bytes;
      IoResult<void> filled = co_await fill(deadline);
      if (filled) continue;
      const IoFailure::Cause cause = filled.error().cause;
      died_unanswered_ = lease_.reused() && buffer_.empty() &&
                         (cause == IoFailure::Cause::kClosed || cause == IoFailure::Cause::kOther);
      co_return std::unexpected(failure_of(request_failure(std::move(filled.error()))));
    }
    Result<ResponseHead> head = parse_response_head(unread().substr(0, *size), lines);
    if (!head) co_return std::unexpected(Failure(std::move(head.error())));
    unread_begin_ += *size;
    if (head->status >= 200) co_return std::move(*head);
    if (head->status == kSwitchingProtocols || ++interim_answers > kInterimAnswersMax) {
      co_return std::unexpected(Failure(Error(
          ErrorKind::kUpstream, "the origin sent no answer but 1xx", ErrorCause::kUnusableAnswer)));
    }
    searched = 0;
  }
}

rt::Task<IoResult<void>> HttpExchange::fill(MonoTime deadline) {
  if (unread_begin_ == buffer_.size()) {
    buffer_.clear();
    unread_begin_ = 0;
  }
  const size_t filled = buffer_.size();
  // Without zeros: read_some() writes the bytes, and the rest is cut off.
  buffer_.resize_and_overwrite(filled + kFillBytes, [](char*, size_t size) { return size; });
  const std::span<std::byte> into = bytes_of(buffer_, filled);
  const IoResult<size_t> got = co_await lease_.connection().read_some(into, deadline);
  buffer_.resize(filled + got.value_or(0));
  if (!got) co_return std::unexpected(got.error());
  co_return IoResult<void>();
}

rt::Task<IoResult<size_t>> HttpExchange::receive(std::span<std::byte> into, MonoTime deadline) {
  if (unread().empty()) {
    const IoResult<size_t> got = co_await lease_.connection().read_some(into, deadline);
    co_return got;
  }
  const size_t size = std::min(into.size(), unread().size());
  std::memcpy(into.data(), unread().data(), size);
  unread_begin_ += size;
  co_return size;
}

rt::Task<IoResult<size_t>> HttpExchange::receive_body(std::span<std::byte> into,
                                                      MonoTime deadline) {
  return chunked_ ? receive_chunked(into, deadline) : receive(into, deadline);
}

/// 0: the last chunk has been read.
rt::Task<IoResult<size_t>> HttpExchange::receive_chunked(std::span<std::byte> into,
                                                         MonoTime deadline) {
  while (true) {
    switch (chunks_.state()) {
      case ChunkDecoder::State::kEnd:
        co_return size_t{0};
      case ChunkDecoder::State::kBroken:
        co_return std::unexpected(IoFailure(IoFailure::Cause::kOther, "bad chunked coding"));
      case ChunkDecoder::State::kData: {
        const std::span<std::byte> part =
            into.first(std::min<uint64_t>(into.size(), chunks_.data_left()));
        const IoResult<size_t> got = co_await receive(part, deadline);
        if (got) chunks_.took_data(*got);
        co_return got;
      }
      case ChunkDecoder::State::kFraming:
        break;
    }
    if (unread().empty()) {
      const IoResult<void> filled = co_await fill(deadline);
      if (!filled) co_return std::unexpected(filled.error());
    }
    unread_begin_ += chunks_.take_framing(unread());
  }
}

rt::Task<Result<size_t>> HttpExchange::read(std::span<std::byte> into) {
  CHECK(!into.empty() && body_left_ > 0);
  const std::span<std::byte> wanted = into.first(std::min<uint64_t>(into.size(), body_left_));
  const MonoTime deadline = read_deadline();
  IoResult<size_t> got = co_await receive_body(wanted, deadline);
  if (got && *got == 0)
    got = std::unexpected(IoFailure(IoFailure::Cause::kClosed, "the last chunk has come"));
  if (!got) co_return body_failure(got.error());
  body_began_ = true;
  body_left_ -= *got;
  if (body_left_ == 0) {
    const Result<void> finished = co_await finish();
    if (!finished) co_return std::unexpected(finished.error());
  }
  co_return *got;
}

rt::Task<Result<size_t>> HttpExchange::read_any(std::span<std::byte> into) {
  CHECK(!into.empty());
  if (!lease_.holds()) co_return size_t{0};
  if (content_length_ && !body_began_) body_left_ = *content_length_;
  const bool nothing = content_length_ && body_left_ == 0;
  if (content_length_) into = into.first(std::min<uint64_t>(into.size(), body_left_));
  IoResult<size_t> got = size_t{0};
  if (!nothing) got = co_await receive_body(into, read_deadline());
  const bool closed = !got && got.error().cause == IoFailure::Cause::kClosed;
  if (closed && until_close_) got = 0;
  if (!got) co_return body_failure(got.error());
  body_began_ = true;
  if (content_length_) body_left_ -= *got;
  const bool ended = content_length_ ? body_left_ == 0 : *got == 0;
  if (ended) give_back();
  co_return *got;
}

uint64_t HttpExchange::unread_bytes() {
  const size_t in_kernel = lease_.holds() ? lease_.connection().unread() : 0;
  return std::min<uint64_t>(unread().size() + in_kernel, body_left_);
}

Result<size_t> HttpExchange::body_failure(const IoFailure& failure) {
  lease_.drop();
  switch (failure.cause) {
    case IoFailure::Cause::kTimedOut:
      return fail(ErrorKind::kTimeout,
                  fmt::format("the origin stopped sending, {} bytes before the end of the body",
                              body_left_));
    case IoFailure::Cause::kCancelled:
      return fail(ErrorKind::kCancelled, failure.text);
    case IoFailure::Cause::kClosed:
    case IoFailure::Cause::kCertificate:
    case IoFailure::Cause::kOther:
      break;
  }
  return fail(ErrorKind::kUpstream, fmt::format("the body broke off, {} bytes before its end: {}",
                                                body_left_, failure.text));
}

/// Checks that nothing follows the announced bytes of the body. A late end costs the connection.
rt::Task<Result<void>> HttpExchange::finish() {
  if (chunked_ || until_close_) {
    std::byte more{};
    const std::span<std::byte> into(&more, 1);
    const MonoTime deadline = std::min(stall_deadline(), worker_.timers().now() + kBodyEndWait);
    IoResult<size_t> got = co_await receive_body(into, deadline);
    const bool late = !got && got.error().cause == IoFailure::Cause::kTimedOut;
    const bool longer = got.has_value() && *got > 0;
    if (late) {
      lease_.drop();
      co_return Result<void>();
    }
    if (longer || (chunked_ && !got)) {
      lease_.drop();
      co_return fail(ErrorKind::kUpstream, longer
                                               ? "the body is longer than announced"
                                               : "the body's end is broken: " + got.error().text);
    }
  }
  give_back();
  co_return Result<void>();
}

void HttpExchange::give_back() {
  if (!keep_alive_ || until_close_ || !unread().empty()) return lease_.drop();
  std::chrono::milliseconds idle = limits_.idle;
  if (keep_alive_timeout_) {
    idle = std::min(*keep_alive_timeout_ - kIdleMargin, limits_.idle_max);
  }
  lease_.give_back(idle);
}

rt::Task<bool> HttpExchange::is_empty(MonoTime deadline) {
  if (!chunked_) co_return false;
  std::byte first{};
  const std::span<std::byte> into(&first, 1);
  const IoResult<size_t> got = co_await receive_body(into, std::min(deadline, read_deadline()));
  const bool ended = got && *got == 0;
  if (ended) give_back();
  co_return ended;
}

rt::Task<std::optional<std::string>> HttpExchange::read_small_body(MonoTime deadline) {
  deadline = std::min(deadline, stall_deadline());  // of the whole body
  const uint64_t announced = content_length_.value_or(kSmallBodyBytesMax);
  std::string body(std::min<uint64_t>(announced, kSmallBodyBytesMax), '\0');
  size_t filled = 0;
  small_body_ended_ = content_length_ && *content_length_ == 0;
  while (filled < body.size()) {
    const std::span<std::byte> into = bytes_of(body, filled);
    const MonoTime pause_end = worker_.timers().now() + kErrorTextPause;
    const bool to_deadline = !until_close_ || !is_error_ || deadline < pause_end;
    IoResult<size_t> got = co_await receive_body(into, to_deadline ? deadline : pause_end);
    if (!got) {
      const IoFailure::Cause cause = got.error().cause;
      const bool closed = until_close_ && cause == IoFailure::Cause::kClosed;
      const bool paused = !to_deadline && cause == IoFailure::Cause::kTimedOut;
      if (closed || paused) got = 0;
    }
    if (!got) {
      lease_.drop();
      co_return std::nullopt;
    }
    filled += *got;
    small_body_ended_ = *got == 0 || (content_length_ && filled == *content_length_);
    if (small_body_ended_) break;
  }
  body.resize(filled);
  co_return std::move(body);
}

void HttpExchange::finish_small_body(bool reuse) {
  if (reuse && small_body_ended_) {
    give_back();
  } else {
    lease_.drop();
  }
}

}  // namespace cachey::origin
