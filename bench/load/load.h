#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachey::bench {

/// One line of the list: the bytes of the request, and the expected body.
struct Wanted {
  std::string request;
  uint64_t body_bytes = 0;
  std::span<const char> body;  ///< the expected bytes; empty: unknown
};

struct LoadOptions {
  sockaddr_in server{};
  size_t connections = 0;
  std::chrono::duration<double>
      length{};         ///< of the run; requests in progress at the end are finished
  bool once = false;    ///< true: each line once; false: start again after the last line
  double rate = 0;      ///< requests a second, regardless of the server; 0: as fast as it answers
  uint64_t verify = 0;  ///< compare the bytes of one response in this many; 0: of none
};

/// Times are in microseconds, from the moment the request was due. With a rate, a slow response
/// therefore also counts for the requests that had to wait for a connection.
struct LoadTotals {
  uint64_t requests = 0;
  uint64_t body_bytes = 0;
  uint64_t verified = 0;
  uint64_t errors = 0;
  uint64_t reconnects = 0;
  uint64_t not_sent = 0;  ///< due before the end, but no connection was free
  std::string first_error;
  std::vector<uint32_t> whole_us;       ///< to the last body byte
  std::vector<uint32_t> first_byte_us;  ///< to the first body byte
};

/// Sends the requests over keep-alive connections, one request at a time on each, on this thread:
/// one epoll, one receive buffer. Ends the program if nothing can be measured.
[[nodiscard]] LoadTotals run_load(const LoadOptions& options, std::span<const Wanted> wanted);

/// Prints the reason to stderr and ends the program with status 2.
[[noreturn]] void give_up(std::string_view why);

}  // namespace cachey::bench
