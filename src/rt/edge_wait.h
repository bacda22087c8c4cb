#pragma once

#include <boost/version.hpp>
#include <memory>
#include <utility>

#include "rt/io.h"

namespace cachey::rt {

/// Completes at the next event of a socket's reading side. Asio's own wait completes at once if the
/// socket is readable already, for which it registers the socket again with each wait: a system
/// call. This one relies on the caller's knowledge that the socket is not readable.
///
/// The interface of Asio's reactor is private: look at epoll_reactor::start_op() and at
/// reactive_wait_op before you raise the version.
template <typename Handler>
class EdgeWaitOp final : public asio::detail::reactor_op {
 public:
  BOOST_ASIO_DEFINE_HANDLER_PTR(EdgeWaitOp);

  EdgeWaitOp(Handler& handler, const Executor& executor)
      : reactor_op(boost::system::error_code(), &EdgeWaitOp::do_perform, &EdgeWaitOp::do_complete),
        handler_(std::move(handler)),
        work_(handler_, executor) {
    static_assert(BOOST_VERSION == 108100);
  }

  /// From now on an event completes the operation.
  void arm() { armed_ = true; }

 private:
  using Work = asio::detail::handler_work<Handler, Executor>;

  /// start_op() calls this before it waits, and the reactor with each event.
  static status do_perform(reactor_op* base) {
    return static_cast<EdgeWaitOp*>(base)->armed_ ? done : not_done;
  }

  /// The operation's memory is given back before the handler runs. No owner: the reactor is
  /// destroyed, and the handler is not called.
  static void do_complete(void* owner, asio::detail::operation* base,
                          const boost::system::error_code&, std::size_t) {
    auto* const self = static_cast<EdgeWaitOp*>(base);
    ptr memory = {std::addressof(self->handler_), self, self};
    Work work(std::move(self->work_));
    asio::detail::binder1<Handler, boost::system::error_code> handler(self->handler_, self->ec_);
    memory.h = std::addressof(handler.handler_);
    memory.reset();
    if (owner != nullptr) work.complete(handler, handler.handler_);
  }

  Handler handler_;
  Work work_;
  bool armed_ = false;
};

/// A socket with waits for edges. One worker's thread.
class EdgeSocket final : public Socket {
 public:
  explicit EdgeSocket(Socket socket)
      : Socket(std::move(socket)),
        reactor_(asio::use_service<asio::detail::reactor>(impl_.get_service().context())) {}

  /// Calls `handler` with an error code after the next bytes, the peer's end, an error, or
  /// cancel(). REQUIRES: a call since the worker's last turn of the event loop has told that the
  /// socket is not readable.
  template <typename Handler>
  void wait_for_edge(Handler handler) {
    using Op = EdgeWaitOp<Handler>;
    auto& socket = impl_.get_implementation();
    typename Op::ptr memory = {std::addressof(handler), Op::ptr::allocate(handler), nullptr};
    memory.p = new (memory.v) Op(handler, impl_.get_executor());
    Op* const op = memory.p;
    memory.v = memory.p = nullptr;
    reactor_.start_op(asio::detail::reactor::read_op, socket.socket_, socket.reactor_data_, op,
                      /*is_continuation=*/true, /*allow_speculative=*/true);
    op->arm();
  }

 private:
  asio::detail::reactor& reactor_;
};

}  // namespace cachey::rt
