#include "net/http2/connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/http/masked_target.h"
#include "net/http2/limits.h"
#include "rt/inline_completion.h"
#include "rt/waiter.h"

namespace cachey::net::http2 {

Connection::Connection(WorkerState& state, ClientSocket& socket)
    : net::Connection(state, socket),
      session_(state, socket),
      sending_(session_.sending()),
      tasks_(state.worker.executor()) {
  if (state_.draining) sending_.announce_end();
}

Connection::~Connection() {
  if (charged_ != 0) state_.config.charge(-charged_);
}

rt::Task<void> Connection::run(Buffer received) {
  session_.receive(received.bytes());
  state_.spares.give(std::move(received));
  start_requests();
  while (may_continue()) {
    if (socket_.full()) {
      const bool taken = co_await socket_.writable(state_.config.write_timeout);
      if (!taken) {
        socket_.break_off();
        break;
      }
    } else if (sending_.turns().give_turn()) {
      co_await rt::asio::post(state_.worker.executor(), rt::kAwait);
    } else {
      limit_reading();
      sending_.loop().begin_wait();
      (void)co_await socket_.readable();
      sending_.loop().end_wait();
      socket_.stop_waiting();
      if (socket_.take_expired()) check_deadlines();
    }
    sending_.turns().end_turn();
    if (!take_bytes()) break;
    start_requests();
  }
  co_await end();
}

bool Connection::may_continue() {
  if (socket_.broken() || session_.client_failed()) return false;
  if (state_.draining && session_.had_requests() && sending_.count() == 0) {
    sending_.terminate(NGHTTP2_NO_ERROR);
    sending_.send();
  }
  return sending_.alive();
}

/// Reads received bytes, at most kReadsMax blocks. False: the client has ended.
bool Connection::take_bytes() {
  const std::span<char> block = state_.http2_block;
  for (int i = 0; i < kReadsMax; ++i) {
    const std::optional<size_t> got = socket_.receive(block);
    if (!got) return true;
    if (*got == 0) return false;
    session_.receive(block.first(*got));
    if (*got < block.size()) return true;
  }
  return true;
}

/// Starts the handlers of new requests, and sends what they answer at once.
void Connection::start_requests() {
  std::vector<std::unique_ptr<Stream>> requests = session_.take_requests();
  if (!requests.empty()) {
    state_.awaited.end(socket_);
    head_deadline_.reset();
    idle_deadline_.reset();
    if (state_.leaving) sending_.announce_end();
  }
  sending_.begin_batch();
  for (std::unique_ptr<Stream>& request : requests) {
    if (request->lost()) continue;  // reset by the client
    if (request->head().conclude(*this)) {
      state_.stats.requests.fetch_add(1, std::memory_order_relaxed);
    }
    start(std::move(request));
  }
  sending_.end_batch();
  charge();
}

/// Calls the handler. Only an answer that waits needs a coroutine.
void Connection::start(std::unique_ptr<Stream> stream) {
  rt::Task<void> rest;
  try {
    rest = stream->head().refusal_status() != 0
               ? stream->refuse()
               : state_.handler.handle(state_.worker, stream->head().request(), *stream);
  } catch (const std::exception& failure) {
    log_failure(*stream, failure.what());
  }
  if (rest.valid()) return tasks_.spawn(answer(std::move(stream), std::move(rest)));
  end(std::move(stream));
}

rt::Task<void> Connection::answer(std::unique_ptr<Stream> stream, rt::Task<void> rest) {
  try {
    co_await std::move(rest);
  } catch (const std::exception& failure) {
    log_failure(*stream, failure.what());
  }
  end(std::move(stream));
  bool& completes_inline = co_await rt::inline_completion();  // most requests never suspend
  completes_inline = true;
}

void Connection::end(std::unique_ptr<Stream> stream) {
  if (!stream->finished()) stream->abort();
  stream.reset();
  charge();
}

void Connection::log_failure(Stream& stream, std::string_view what) {
  log::error("handler failed",
             {{"target", masked_target(stream.head().request().target())}, {"error", what}});
}

/// Sets the time limit of the wait for bytes.
void Connection::limit_reading() {
  const MonoTime now = state_.worker.timers().now();
  if (!session_.owes_head()) {
    head_deadline_.reset();
  } else if (!head_deadline_) {
    head_deadline_ = now + state_.config.head_timeout;
  }
  if (sending_.count() != 0) {
    idle_deadline_.reset();
  } else if (!idle_deadline_) {
    state_.awaited.begin(socket_, now);
    if (state_.draining) {
      idle_deadline_ = now + kFirstRequestTime;
    } else {
      idle_deadline_ = now + state_.config.idle_timeout;
    }
  }
  const MonoTime later = now + state_.config.idle_timeout;
  const MonoTime until = std::min(head_deadline_.value_or(later), idle_deadline_.value_or(later));
  socket_.limit_reading(until - now);
}

void Connection::check_deadlines() {
  const MonoTime now = state_.worker.timers().now();
  if (head_deadline_ && now >= *head_deadline_) {
    sending_.terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  } else if (idle_deadline_ && now >= *idle_deadline_) {
    sending_.terminate(NGHTTP2_NO_ERROR);
  }
}

/// A connection that had no request yet gets the GOAWAY with its first response: after an earlier
/// one the client would open another connection for that request.
void Connection::leave() {
  if (!session_.had_requests()) return;
  sending_.announce_end();
  sending_.send();
}

void Connection::drain() {
  idle_deadline_.reset();
  sending_.announce_end();
  sending_.send();
  sending_.loop().wake();
}

/// Charges the process's memory budget, in steps of at least kStep.
void Connection::charge() {
  constexpr int64_t kStep = 4096;
  const int64_t change = static_cast<int64_t>(session_.held()) - charged_;
  if (change > -kStep && change < kStep) return;
  charged_ += change;
  state_.config.charge(change);
}

rt::Task<void> Connection::end() {
  state_.awaited.end(socket_);
  session_.lose_streams();
  while (socket_.full() && !socket_.broken()) {  // send the bytes that were taken
    const bool taken = co_await socket_.writable(state_.config.write_timeout);
    if (!taken) socket_.break_off();
  }
  state_.awaited.begin_linger(socket_);
  if (!socket_.broken()) co_await close_gently(Linger::kYes);
  state_.awaited.end(socket_);
  rt::Waiter waiter(state_.worker.executor());
  tasks_.when_empty([&waiter] { waiter.notify(); });
  co_await waiter.wait();
}

}  // namespace cachey::net::http2
