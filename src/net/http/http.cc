#include "net/http/http.h"

namespace cachey::net {

rt::Task<bool> offer_all(ResponseWriter& writer, std::string_view body) {
  while (!body.empty()) {
    const iovec part{const_cast<char*>(body.data()), body.size()};
    const size_t taken = writer.offer(std::span(&part, 1));
    body.remove_prefix(taken);
    if (taken > 0) continue;
    const bool open = co_await writer.writable();
    if (!open) co_return false;
  }
  co_return true;
}

}  // namespace cachey::net
