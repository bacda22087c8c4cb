#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/file_descriptor.h"
#include "rt/io.h"

namespace cachey::rt {

/// Brings work of other threads to a worker's event loop. Asio's post() holds the loop's mutex
/// during the system call that wakes the worker. If the worker then takes the poster's CPU, the
/// worker waits for the mutex until the poster runs again: milliseconds on a busy machine.
///
/// Here a thread holds no lock while it wakes the worker. It puts its work into a list by one
/// exchange, and the thread that finds the list empty wakes the worker by an eventfd. The worker
/// takes the whole list at once. (The look-up of the mailbox takes the mutex of Asio's list of
/// services for some instructions.)
///
/// A service of the worker's io_context: Worker::start() makes the service, the io_context's
/// destructor ends it and destroys work that has not run.
class Mailbox final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;

  /// Before the loop's thread starts. If the system has no eventfd left, post() is Asio's.
  explicit Mailbox(asio::execution_context& loop);
  ~Mailbox() override;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Runs `work` on the executor's loop, after what the caller has posted by mailboxes before.
  /// Asio's post(), if the loop has no mailbox (tests in virtual time) or the caller is the loop's
  /// thread. Any thread.
  static void post(const Executor& executor, std::move_only_function<void()> work);

 private:
  class Wait;
  struct Letter;

  void put(std::move_only_function<void()> work);
  void run_all();
  void await_event();
  void shutdown() override;
  /// The list's work, the oldest first.
  [[nodiscard]] std::unique_ptr<Letter> take_all();

  asio::detail::reactor& reactor_;
  asio::detail::reactor::per_descriptor_data registration_{};
  std::shared_ptr<const FileDescriptor> event_;  // null: none left, or after shutdown()
  std::unique_ptr<Wait> wait_;
  std::atomic<Letter*> newest_{nullptr};  // owned
};

}  // namespace cachey::rt
