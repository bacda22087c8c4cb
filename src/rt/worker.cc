#include "rt/worker.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <latch>
#include <string>

#include "rt/mailbox.h"

namespace cachey::rt {

Worker::Worker(unsigned index, const Clock& clock)
    : index_(index),
      work_(io_.get_executor()),
      timers_(io_.get_executor(), clock),
      tasks_(io_.get_executor()) {}

Worker::~Worker() {
  stop();
  join();
}

void Worker::start() {
  asio::use_service<Mailbox>(io_);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("worker-" + std::to_string(index_)).c_str());
    io_.run();
  });
}

void Worker::stop() { io_.stop(); }

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

Workers::Workers(unsigned count, const Clock& clock) {
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(i, clock));
}

void Workers::start() {
  for (auto& worker : workers_) worker->start();
}

void Workers::stop_and_join() {
  for (auto& worker : workers_) worker->stop();
  for (auto& worker : workers_) worker->join();
}

void Workers::run_on_each(const std::function<void(Worker&)>& work) {
  std::latch done(static_cast<std::ptrdiff_t>(workers_.size()));
  for (auto& worker : workers_) {
    Mailbox::post(worker->executor(), [&work, &done, w = worker.get()] {
      work(*w);
      done.count_down();
    });
  }
  done.wait();
}

}  // namespace cachey::rt
