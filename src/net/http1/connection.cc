#include "net/http1/connection.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "base/log.h"
#include "net/http/masked_target.h"
#include "net/http1/text.h"
#include "rt/inline_completion.h"

namespace cachey::net::http1 {
namespace {

/// The first bytes of HTTP/2 with prior knowledge (RFC 9113 3.4).
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

rt::Task<bool> Connection::run() {
  bool& suspended = co_await rt::suspension_flag();
  while (true) {
    const Step step = next_step();
    if (step == Step::kRefuse) break;
    if (step == Step::kHttp2) co_return true;
    if (step == Step::kRead) {
      const Wait wait = prepare_to_read(suspended);
      if (wait == Wait::kForEdge) {
        (void)co_await socket_.next_bytes();
      } else if (wait == Wait::kForBytes) {
        (void)co_await socket_.readable();
      }
      socket_.stop_waiting();
      if (!after_wait(wait)) break;
      suspended = false;
      continue;
    }
    state_.awaited.end(socket_);
    state_.stats.requests.fetch_add(1, std::memory_order_relaxed);
    writer_.begin(head_, in_.size() > scanner_.end());
    try {
      rt::Task<void> rest = state_.handler.handle(state_.worker, *request_, writer_);
      if (rest.valid()) co_await std::move(rest);
    } catch (const std::exception& failure) {
      log_failure(failure.what());
    }
    end_request();
    if (!writer_.finished() || writer_.closes()) break;
  }
  suspended = true;
  co_await send_taken();
  if (refusal_status_ != 0) send_refusal();
  state_.awaited.begin_linger(socket_);
  if (!socket_.broken()) co_await close_gently(linger_);
  state_.awaited.end(socket_);
  give_back_memory();
  co_return false;
}

/// Sends the answers that the socket has taken and the kernel has not. The end of the idle time is
/// not the end of this wait.
rt::Task<void> Connection::send_taken() {
  (void)socket_.send_taken();
  while (socket_.full() && !socket_.broken()) {
    (void)socket_.take_expired();
    const bool taken = co_await socket_.writable(state_.config.write_timeout);
    if (!taken) socket_.break_off();
  }
}

/// Parses the next request from the received bytes.
Connection::Step Connection::next_step() {
  if (in_.empty()) return Step::kRead;
  if (!answered_one_ && kHttp2Preface.starts_with(in_.text().substr(0, kHttp2Preface.size()))) {
    return in_.size() < kHttp2Preface.size() ? Step::kRead : Step::kHttp2;
  }
  const HeadScanner::State state = scanner_.scan(in_.text());
  if (state == HeadScanner::State::kFault) {
    set_refusal(scanner_.fault());
    return Step::kRefuse;
  }
  const bool whole = state == HeadScanner::State::kWhole;
  if ((whole ? scanner_.end() : in_.size() + 1) > state_.config.head_bytes_max) {
    set_refusal(HeadFault::kTooLarge);
    return Step::kRefuse;
  }
  if (!whole) return Step::kRead;
  const std::span<char> text =
      in_.bytes().subspan(scanner_.begin(), scanner_.end() - scanner_.begin());
  std::vector<Field> fields = state_.spares.take_fields();
  const HeadFault fault = parse_head(text, head_, fields);
  request_.emplace(head_.method, head_.target, std::move(fields));
  if (fault != HeadFault::kNone) {
    set_refusal(fault);
    return Step::kRefuse;
  }
  if (head_.method == Method::kOther) request_->set_method_name(head_.method_name);
  request_->set_takes_trailers(head_.takes_trailers);
  request_->set_connection(client_of(request_->fields()), Protocol::kHttp1, peer());
  head_begun_ = false;
  return Step::kAnswer;
}

/// Prepares memory and time limit for the wait for bytes, and chooses the wait. `suspended`: since
/// the last bytes were read.
Connection::Wait Connection::prepare_to_read(bool suspended) {
  idle_ = in_.empty();
  if (!idle_) {
    if (!head_begun_) socket_.limit_reading(state_.config.head_timeout);
    head_begun_ = true;
    return Wait::kForBytes;
  }
  give_back_memory();
  if (state_.draining && answered_one_) return Wait::kNone;
  const std::chrono::nanoseconds limit =
      state_.draining ? kFirstRequestTime : state_.config.idle_timeout;
  const bool for_edge = socket_.drained() && !suspended && limit > kLook;
  state_.awaited.begin(socket_, socket_.limit_reading(for_edge ? kLook : limit));
  return for_edge ? Wait::kForEdge : Wait::kForBytes;
}

/// False: the connection ends.
bool Connection::after_wait(Wait wait) {
  const bool was_idle = std::exchange(idle_, false);
  if (socket_.broken()) return false;
  if (wait == Wait::kForEdge && socket_.take_expired()) return take_bytes(was_idle);
  if (!socket_.expired()) return take_bytes(was_idle);
  if (!was_idle) {
    refusal_status_ = 408;
    refusal_text_ = "the request's head took too long";
  }
  return false;
}

/// Reads received bytes. False: the client has ended, or a drain ends an idle connection.
bool Connection::take_bytes(bool was_idle) {
  make_room();
  const std::optional<size_t> got = socket_.receive(in_.room());
  if (!got) return !(was_idle && state_.draining && answered_one_);
  in_.commit(*got);
  return *got != 0;
}

void Connection::make_room() {
  if (in_.capacity() == 0) in_ = state_.spares.take_buffer();
  if (!in_.room().empty()) return;
  in_.compact();
  if (!in_.room().empty()) return;
  const size_t bytes = std::min(in_.size(), state_.config.head_bytes_max);
  charge(in_.growth(bytes));
  in_.reserve(bytes);
}

/// Charges the memory of a head beyond that of a small one.
void Connection::charge(size_t bytes) {
  charged_ += bytes;
  state_.config.charge(static_cast<int64_t>(bytes));
}

void Connection::end_request() {
  writer_.end();
  if (!writer_.finished()) writer_.abort();
  state_.spares.give(request_->release_fields());
  request_.reset();
  in_.consume(scanner_.end());
  scanner_ = HeadScanner();
  answered_one_ = true;
  linger_ = head_.has_body || !in_.empty() ? Linger::kYes : Linger::kNo;
}

void Connection::give_back_memory() {
  if (in_.capacity() == 0) return;
  if (charged_ != 0) state_.config.charge(-static_cast<int64_t>(std::exchange(charged_, 0)));
  state_.spares.give(std::exchange(in_, Buffer()));
}

void Connection::drain() {
  if (!idle_) return;
  if (answered_one_) {
    socket_.interrupt();
  } else {
    socket_.limit_reading(kFirstRequestTime);
  }
}

void Connection::set_refusal(HeadFault fault) {
  refusal_status_ = status_of(fault);
  refusal_text_ = to_string(fault);
  state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
  log::debug("request refused", {{"status", refusal_status_}, {"reason", refusal_text_}});
}

void Connection::log_failure(std::string_view what) const {
  log::error("handler failed", {{"target", masked_target(request_->target())}, {"error", what}});
}

void Connection::send_refusal() {
  const std::string_view more = refusal_status_ == 503 ? "Retry-After: 1\r\n" : "";
  std::string response = closing_response(refusal_status_, refusal_text_, state_.date.text(), more);
  std::string_view begun = in_.text();
  while (begun.starts_with("\r\n")) begun.remove_prefix(2);
  if (begun.starts_with("HEAD ")) response.resize(response.find("\r\n\r\n") + 4);
  state_.stats.responses_of(Protocol::kHttp1).count(refusal_status_);
  iovec part{response.data(), response.size()};
  (void)socket_.send(std::span(&part, 1), response.size());
  linger_ = Linger::kYes;
}

rt::Task<void> Connection::refuse(unsigned status, std::string_view text, Linger linger) {
  refusal_status_ = status;
  refusal_text_ = text;
  send_refusal();
  if (linger == Linger::kYes) {
    co_await close_gently(linger_);
  } else {
    (void)socket_.discard(kLingerBytesMin);
    socket_.close();
  }
}

}  // namespace cachey::net::http1
