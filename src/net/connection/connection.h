#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "net/connection/client_socket.h"
#include "net/connection/worker_state.h"

namespace cachey::net {

/// kYes: the client may be sending bytes that nobody reads. They must not destroy the response.
enum class Linger : uint8_t { kNo, kYes };

/// One client's connection, as its Listener sees it, whatever the version spoken on it. Lives in a
/// coroutine that the Listener spawned, and stands in the Listener's list; its worker's thread.
class Connection : public boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// After a response that may cross bytes still on their way from the client, those are read and
  /// thrown away, so that no reset destroys the response: this many, for this long.
  static constexpr size_t kLingerBytesMax = size_t{256} << 10;
  static constexpr std::chrono::seconds kLingerTime{1};
  /// While draining, a connection that has sent nothing yet is given this long.
  static constexpr std::chrono::seconds kFirstRequestTime{1};

  /// `socket` outlives the connection.
  Connection(WorkerState& state, ClientSocket& socket) : state_(state), socket_(socket) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// No request is to follow those that are open. REQUIRES: the worker's state says that it drains.
  virtual void drain() = 0;
  /// The client has reset the connection: nobody waits for a response.
  [[nodiscard]] bool client_left() { return socket_.reset_by_client(); }
  /// Ends at once, whatever the state of its responses.
  void break_off() { socket_.break_off(); }

 protected:
  /// Closes after what was sent.
  [[nodiscard]] rt::Task<void> close_gently(Linger linger);

  WorkerState& state_;
  ClientSocket& socket_;
};

}  // namespace cachey::net
