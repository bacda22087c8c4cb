#include "net/connection/answer_batch.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace cachey::net {

bool AnswerBatch::take(ClientSocket& socket, std::string_view head, std::span<const iovec> body,
                       size_t bytes) {
  if (bytes > kBytesMax || late_bytes_ > kLateBytesMax || !socket.can_send_later()) return false;
  if (!begin_turn()) return false;
  Buffer copy = take_buffer();
  copy.append(head);
  for (const iovec& part : body)
    copy.append({static_cast<const char*>(part.iov_base), part.iov_len});
  socket.send_later(std::move(copy), *this);
  sockets_.push_back(socket);
  ++answers_;
  if (answers_ % kAnswersMax == 0) send_all();
  return true;
}

/// False: no batch begins, because the last ones had one answer.
bool AnswerBatch::begin_turn() {
  if (in_turn_) return true;
  if (lone_left_ != 0) {
    --lone_left_;
    return false;
  }
  in_turn_ = true;
  rt::asio::post(executor_, [self = shared_from_this()] { self->end_turn(); });
  return true;
}

/// Runs behind the handlers of all requests that were ready when the turn began.
void AnswerBatch::end_turn() {
  send_all();
  lone_left_ = answers_ > 1 ? 0 : kLoneMax;
  answers_ = 0;
  in_turn_ = false;
}

void AnswerBatch::send_all() {
  while (!sockets_.empty()) (void)sockets_.front().send_taken();
}

Buffer AnswerBatch::take_buffer() {
  if (spares_.empty()) return Buffer(kBytesMax);
  Buffer buffer = std::move(spares_.back());
  spares_.pop_back();
  return buffer;
}

void AnswerBatch::give_back(Buffer buffer) {
  buffer.clear();
  if (spares_.size() < kAnswersMax) spares_.push_back(std::move(buffer));
}

}  // namespace cachey::net
