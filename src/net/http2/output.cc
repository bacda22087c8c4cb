#include "net/http2/output.h"

#include <algorithm>
#include <utility>

namespace cachey::net::http2 {

void Output::append(std::string_view bytes) {
  state_.http2_frames.append(bytes);
  bytes_ += bytes.size();
  if (count_ != 0 && parts_[count_ - 1].iov_base == nullptr) {
    parts_[count_ - 1].iov_len += bytes.size();
  } else {
    parts_[count_++] = Part{nullptr, bytes.size()};
  }
}

void Output::append_in_place(std::string_view bytes) {
  parts_[count_++] = Part{const_cast<char*>(bytes.data()), bytes.size()};
  bytes_ += bytes.size();
}

void Output::send() {
  if (!rest_.empty()) return send_rest();
  if (count_ == 0) return;
  char* made = state_.http2_frames.bytes().data();
  for (Part& part : std::span(parts_.data(), count_)) {
    if (part.iov_base == nullptr) part.iov_base = std::exchange(made, made + part.iov_len);
  }
  const size_t sent = socket_.send(std::span(parts_.data(), count_), bytes_);
  if (sent < bytes_) keep(sent);
  count_ = bytes_ = 0;
  state_.http2_frames.clear();
}

void Output::send_rest() {
  iovec part{rest_.bytes().data(), rest_.size()};
  rest_.consume(socket_.send(std::span(&part, 1), rest_.size()));
  if (rest_.empty()) hold(Buffer());
}

/// Copies the bytes behind the first `sent`.
void Output::keep(size_t sent) {
  Buffer rest(bytes_ - sent);
  for (const Part& part : std::span(parts_.data(), count_)) {
    const size_t skip = std::min(sent, part.iov_len);
    sent -= skip;
    rest.append({static_cast<const char*>(part.iov_base) + skip, part.iov_len - skip});
  }
  hold(std::move(rest));
}

void Output::hold(Buffer rest) {
  state_.http2_unsent += rest.capacity();
  state_.http2_unsent -= rest_.capacity();
  rest_ = std::move(rest);
}

}  // namespace cachey::net::http2
