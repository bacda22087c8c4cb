#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachey::bench {

/// One line of the list: the request's bytes, ready to send, and what its body must be.
struct Wanted {
  std::string request;
  uint64_t body_bytes = 0;
  std::span<const char> body;  ///< the bytes themselves; empty: not known
};

struct LoadOptions {
  sockaddr_in server{};
  size_t connections = 0;
  std::chrono::duration<double>
      length{};         ///< no request starts after that; those under way are finished
  bool once = false;    ///< each line once; else begin again at the first
  double rate = 0;      ///< requests a second, whatever the server does; 0: as fast as it answers
  uint64_t verify = 0;  ///< the bytes of one answer in so many are compared; 0: of none
};

/// Times are in microseconds, from the moment the request was due: where a rate is asked for, a
/// server that is late makes every request late that had to wait for a connection.
struct LoadTotals {
  uint64_t requests = 0;
  uint64_t body_bytes = 0;
  uint64_t verified = 0;
  uint64_t errors = 0;
  uint64_t reconnects = 0;
  uint64_t not_sent = 0;  ///< were due before the end and never found a connection
  std::string first_error;
  std::vector<uint32_t> whole_us;       ///< to the last body byte
  std::vector<uint32_t> first_byte_us;  ///< to the first body byte
};

/// Asks for all that is wanted over keep-alive connections, one request at a time on each, on this
/// thread: one epoll, one receive buffer. Ends the program where nothing can be measured.
[[nodiscard]] LoadTotals run_load(const LoadOptions& options, std::span<const Wanted> wanted);

/// Says why on stderr and ends the program with status 2.
[[noreturn]] void give_up(std::string_view why);

}  // namespace cachey::bench
