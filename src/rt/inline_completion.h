#pragma once

#include <boost/version.hpp>

#include "rt/io.h"

namespace cachey::rt {

/// Lets a spawned task that never suspended complete inline. Otherwise co_spawn posts its
/// completion, and keeps the task's frames until then. For the end of a task whose completion may
/// run at once:
///
///   bool& completes_inline = co_await rt::inline_completion();
///   completes_inline = true;
///
/// The flag is private to Asio: look at co_spawn_entry_point() before you raise the version.
[[nodiscard]] inline auto inline_completion() {
  static_assert(BOOST_VERSION == 108100);
  return asio::detail::awaitable_thread_has_context_switched{};
}

}  // namespace cachey::rt
