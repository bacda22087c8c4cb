#pragma once

#include <cstddef>
#include <cstdint>

namespace cachey::app {

/// Raises the process's limit of open files to the hard limit. Returns the new limit.
/// Called at start.
[[nodiscard]] uint64_t raise_open_files_limit();

/// Users of files other than the clients of the data port.
struct OtherFiles {
  unsigned threads = 1;
  size_t origin_connections_max = 0;  ///< of each thread
  size_t admin_addresses = 0;
  size_t admin_connections_max = 0;  ///< of each address
};

/// The number of clients, at most `wanted`, that may be connected to each of `servers` servers if
/// `files` may be open. Files for `others` are kept free, but at most half of all. So a client past
/// the limit gets its 503, the admin addresses still accept, and misses still get a connection to
/// the store.
[[nodiscard]] size_t connections_within(uint64_t files, size_t wanted, size_t servers,
                                        const OtherFiles& others);

}  // namespace cachey::app
