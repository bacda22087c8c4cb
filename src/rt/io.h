#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

/// The event loop's types. All use the executor type of io_context directly, because a type-erased
/// executor costs time on every operation.
namespace cachey::rt {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;

/// A coroutine that runs on one worker's thread. A co_await statement has only named objects, moves
/// of them, and temporaries of classes with constructors (see CONTRIBUTING, coroutines).
template <typename T = void>
using Task = asio::awaitable<T, Executor>;

inline constexpr asio::use_awaitable_t<Executor> kAwait;

/// Completion token: `auto [error, n] = co_await socket.async_read_some(buffer, kAwaitTuple)`.
inline constexpr auto kAwaitTuple = asio::as_tuple(kAwait);

using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace cachey::rt
