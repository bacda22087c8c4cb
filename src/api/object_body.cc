#include "api/object_body.h"

#include <array>
#include <cstdint>
#include <span>

namespace cachey::api {
namespace {

constexpr size_t kPartsMax = 32;  // a page has at most 8 slabs and a tail

/// The result of one offer.
struct Offered {
  bool had_bytes = false;
  size_t taken = 0;
};

/// Offers the bytes that are available at the reader's position. Out of line: the list of parts
/// would enlarge the coroutine frame, and Asio recycles only small frames.
[[gnu::noinline]] Offered offer_next(cache::RangeReader& reader, net::ResponseWriter& writer) {
  std::array<iovec, kPartsMax> parts;
  const size_t count = reader.pin(parts);
  if (count == 0) return Offered{};
  const size_t taken = writer.offer(std::span(parts.data(), count));
  reader.release(taken);
  return Offered{true, taken};
}

/// Why no more bytes are sent now.
enum class Stop : uint8_t { kAtEnd, kNoBytes, kFull };

Stop send_what_is_here(ObjectBody& body) {
  cache::RangeReader& reader = body.reader;
  while (!reader.at_end()) {
    const Offered offered = offer_next(reader, body.writer);
    if (!offered.had_bytes) return Stop::kNoBytes;
    if (offered.taken == 0) return Stop::kFull;
    body.egress.add(offered.taken);
    const bool first = !body.times.has_begun();
    if (!first && !reader.at_end()) continue;
    body.times.last = body.clock.mono();
    if (first) body.times.first = body.times.last;
  }
  return Stop::kAtEnd;
}

}  // namespace

bool client_left(const Error& error, net::ResponseWriter& writer) {
  return error.kind() == ErrorKind::kCancelled && writer.client_left().stop_requested();
}

bool try_send_body(ObjectBody& body) { return send_what_is_here(body) == Stop::kAtEnd; }

rt::Task<bool> send_body(ObjectBody& body) {
  while (true) {
    const Stop stop = send_what_is_here(body);
    if (stop == Stop::kAtEnd) co_return true;
    if (stop == Stop::kFull) {
      const bool open = co_await body.writer.writable();
      if (!open) co_return false;
      continue;
    }
    const Result<void> more = co_await body.reader.wait(body.writer.client_left());
    if (more) continue;
    if (!client_left(more.error(), body.writer)) body.failure = more.error();
    body.writer.abort();
    co_return false;
  }
}

}  // namespace cachey::api
