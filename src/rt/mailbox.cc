#include "rt/mailbox.h"

#include <sys/eventfd.h>

#include <boost/asio/post.hpp>
#include <boost/version.hpp>
#include <utility>

namespace cachey::rt {

asio::execution_context::id Mailbox::id;

struct Mailbox::Letter {
  std::move_only_function<void()> work;
  std::unique_ptr<Letter> next;
};

/// The wait for the next write to the eventfd, which is never read: epoll tells each write once
/// (EPOLLET), so a wait costs no system call.
///
/// The interface of Asio's reactor is private: look at epoll_reactor::start_op() before you raise
/// the version.
class Mailbox::Wait final : public asio::detail::reactor_op {
 public:
  explicit Wait(Mailbox& mailbox)
      : reactor_op(boost::system::error_code(), &Wait::do_perform, &Wait::do_complete),
        mailbox_(mailbox) {
    static_assert(BOOST_VERSION == 108100);
  }

  /// start_op() asks whether there is an event already: the caller knows better.
  void set_armed(bool armed) { armed_ = armed; }

 private:
  static status do_perform(reactor_op* base) {
    return static_cast<Wait*>(base)->armed_ ? done : not_done;
  }
  /// No owner: the loop has ended.
  static void do_complete(void* owner, asio::detail::operation* base,
                          const boost::system::error_code&, std::size_t) {
    if (owner != nullptr) static_cast<Wait*>(base)->mailbox_.run_all();
  }

  Mailbox& mailbox_;
  bool armed_ = false;
};

Mailbox::Mailbox(asio::execution_context& loop)
    : service(loop),
      reactor_(asio::use_service<asio::detail::reactor>(loop)),
      wait_(std::make_unique<Wait>(*this)) {
  FileDescriptor event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  reactor_.init_task();
  if (!event.is_open() || reactor_.register_descriptor(event.get(), registration_) != 0) return;
  event_ = std::make_shared<const FileDescriptor>(std::move(event));
  await_event();
}

Mailbox::~Mailbox() = default;

void Mailbox::post(const Executor& executor, std::move_only_function<void()> work) {
  asio::io_context& loop = executor.context();
  if (!executor.running_in_this_thread() && asio::has_service<Mailbox>(loop)) {
    auto& mailbox = asio::use_service<Mailbox>(loop);
    if (mailbox.event_) return mailbox.put(std::move(work));
  }
  asio::post(executor, std::move(work));
}

/// Once the list has the letter, the loop may run the work and end: nothing of this object is used
/// from then on.
void Mailbox::put(std::move_only_function<void()> work) {
  const std::shared_ptr<const FileDescriptor> event = event_;
  auto letter = std::make_unique<Letter>(std::move(work), nullptr);
  Letter* newest = newest_.load(std::memory_order_relaxed);
  do {
    (void)letter->next.release();
    letter->next.reset(newest);
  } while (!newest_.compare_exchange_weak(newest, letter.get(), std::memory_order_release,
                                          std::memory_order_relaxed));
  (void)letter.release();
  if (newest == nullptr) (void)::eventfd_write(event->get(), 1);
}

/// An event that comes after the list was taken is found by the loop's next look, because the loop
/// does not look in between.
void Mailbox::run_all() {
  await_event();
  std::unique_ptr<Letter> letter = take_all();
  while (letter) {
    letter->work();
    letter = std::move(letter->next);
  }
}

std::unique_ptr<Mailbox::Letter> Mailbox::take_all() {
  std::unique_ptr<Letter> newest(newest_.exchange(nullptr, std::memory_order_acquire));
  std::unique_ptr<Letter> oldest;
  while (newest) {
    std::unique_ptr<Letter> next = std::move(newest->next);
    newest->next = std::move(oldest);
    oldest = std::move(newest);
    newest = std::move(next);
  }
  return oldest;
}

void Mailbox::await_event() {
  wait_->set_armed(false);
  reactor_.start_op(asio::detail::reactor::read_op, event_->get(), registration_, wait_.get(),
                    /*is_continuation=*/true, /*allow_speculative=*/true);
  wait_->set_armed(true);
}

void Mailbox::shutdown() {
  if (event_) {
    reactor_.deregister_descriptor(event_->get(), registration_, /*closing=*/true);
    reactor_.cleanup_descriptor_data(registration_);
  }
  event_.reset();  // what destroyed work posts is Asio's, which destroys that later
  std::unique_ptr<Letter> letter = take_all();
  while (letter) letter = std::move(letter->next);
}

}  // namespace cachey::rt
