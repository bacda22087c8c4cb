#include "rt/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "rt/testing/virtual_worker.h"
#include "rt/worker.h"

namespace cachey::rt {
namespace {

TEST(Mailbox, WorkOfEachThreadRunsInItsOrderOnTheWorker) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  const SystemClock clock;
  std::vector<int> last(kThreads, -1);  // the worker's thread
  bool in_order = true;
  std::latch done(kThreads * kEach);
  Worker worker(0, clock);
  worker.start();
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        Mailbox::post(worker.executor(), [&, thread, i] {
          in_order = in_order && worker.executor().running_in_this_thread() &&
                     std::exchange(last[static_cast<size_t>(thread)], i) == i - 1;
          done.count_down();
        });
      }
    });
  }
  done.wait();
  EXPECT_TRUE(in_order);
}

TEST(Mailbox, EachWorkWakesAnIdleWorker) {
  const SystemClock clock;
  Worker worker(0, clock);
  worker.start();
  std::binary_semaphore ran{0};
  for (int i = 0; i < 20'000; ++i) {
    Mailbox::post(worker.executor(), [&] { ran.release(); });
    ran.acquire();
  }
}

TEST(Mailbox, TwoWorkersWakeEachOther) {
  constexpr int kTurns = 20'000;
  const SystemClock clock;
  Worker one(0, clock);
  Worker other(1, clock);
  std::latch done(1);
  struct Ball {
    Worker& to;
    Worker& from;
    std::latch& done;
    void fly(int turns) {
      if (turns == 0) return done.count_down();
      Mailbox::post(to.executor(),
                    [next = Ball{from, to, done}, turns]() mutable { next.fly(turns - 1); });
    }
  };
  one.start();
  other.start();
  Ball{one, other, done}.fly(kTurns);
  done.wait();
}

TEST(Mailbox, WorkThatHasNotRunIsDestroyed) {
  const SystemClock clock;
  const auto counted = std::make_shared<int>();
  {
    Worker worker(0, clock);
    worker.start();
    worker.stop();
    worker.join();
    for (int i = 0; i < 100'000; ++i) {  // more than a recursion could end
      Mailbox::post(worker.executor(), [counted] { FAIL(); });
    }
    EXPECT_EQ(counted.use_count(), 100'001);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(Mailbox, ALoopWithoutOneGetsItsWorkByAsio) {
  VirtualWorker virtual_worker;
  bool ran = false;
  Mailbox::post(virtual_worker.worker().executor(), [&] { ran = true; });
  EXPECT_FALSE(ran);
  virtual_worker.worker().io().poll();
  EXPECT_TRUE(ran);
}

/// The worker may end while the poster is still in post().
TEST(Mailbox, AWorkerMayEndAsSoonAsTheWorkHasRun) {
  const SystemClock clock;
  for (int i = 0; i < 300; ++i) {
    std::optional<Worker> worker(std::in_place, 0, clock);
    worker->start();
    std::binary_semaphore ran{0};
    std::jthread poster(
        [&, executor = worker->executor()] { Mailbox::post(executor, [&] { ran.release(); }); });
    ran.acquire();
    worker.reset();
  }
}

}  // namespace
}  // namespace cachey::rt
