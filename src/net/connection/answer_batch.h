#pragma once

#include <sys/uio.h>

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "net/connection/client_socket.h"
#include "net/http/buffer.h"
#include "rt/io.h"

namespace cachey::net {

/// Small whole answers of one worker's connections, of HTTP/1.1 without TLS, that are sent one
/// right after the other: after the handlers of the requests that came with them, or once there are
/// kAnswersMax. So the code of the kernel that sends stays in the CPU's caches, and a client with
/// many connections is woken once for a batch, not for each answer. For that, the answers are
/// copied. If batches have one answer only, the next kLoneMax answers are sent at once.
///
/// Owned by the worker's state; the worker's thread.
class AnswerBatch : public std::enable_shared_from_this<AnswerBatch> {
 public:
  static constexpr size_t kAnswersMax = 32;
  /// Of one answer, with its head.
  static constexpr size_t kBytesMax = size_t{8} << 10;
  static constexpr unsigned kLoneMax = 15;
  /// Memory of the answers that the kernel did not take whole. Past it, no batch is made.
  static constexpr size_t kLateBytesMax = size_t{1} << 20;

  explicit AnswerBatch(rt::Executor executor) : executor_(std::move(executor)) {}
  AnswerBatch(const AnswerBatch&) = delete;
  AnswerBatch& operator=(const AnswerBatch&) = delete;

  /// Takes an answer of `socket`, as send() does. False: it is to be sent now. `bytes`: the sum of
  /// `head` and `body`.
  [[nodiscard]] bool take(ClientSocket& socket, std::string_view head, std::span<const iovec> body,
                          size_t bytes);
  /// Sends all answers.
  void send_all();
  [[nodiscard]] bool empty() const { return sockets_.empty(); }

 private:
  friend class ClientSocket;

  [[nodiscard]] bool begin_turn();
  void end_turn();
  [[nodiscard]] Buffer take_buffer();
  void give_back(Buffer buffer);

  const rt::Executor executor_;
  boost::intrusive::list<ClientSocket, boost::intrusive::base_hook<BatchHook>,
                         boost::intrusive::constant_time_size<false>>
      sockets_;             // a socket leaves by itself at its end
  bool in_turn_ = false;    // end_turn() is posted
  size_t answers_ = 0;      // of the turn
  unsigned lone_left_ = 0;  // answers that are sent at once
  size_t late_bytes_ = 0;
  std::vector<Buffer> spares_;
};

}  // namespace cachey::net
