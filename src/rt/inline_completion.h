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

/// Tells whether the calling task has suspended, and so other code of the worker has run, since the
/// caller set the flag to false. At the task's end the flag must be true (see inline_completion()).
///
///   bool& suspended = co_await rt::suspension_flag();
[[nodiscard]] inline auto suspension_flag() { return inline_completion(); }

}  // namespace cachey::rt
