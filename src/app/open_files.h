#pragma once

#include <cstddef>
#include <cstdint>

namespace cachey::app {

/// Raises the limit of the process's open files as far as it may. Returns what it is then. At
/// start.
[[nodiscard]] uint64_t raise_open_files_limit();

/// Who else needs files beside the data port's clients.
struct OtherFiles {
  unsigned threads = 1;
  size_t origin_connections_max = 0;  ///< of a thread
  size_t admin_addresses = 0;
  size_t admin_connections_max = 0;  ///< of each
};

/// How many clients may be connected, of `wanted`, where so many files may be open: the others'
/// share is kept free, as far as it is not more than half. So a client past it gets its 503, the
/// admin address still accepts, and misses still find a connection to the store.
[[nodiscard]] size_t connections_within(uint64_t files, size_t wanted, const OtherFiles& others);

}  // namespace cachey::app
