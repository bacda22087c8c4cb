#include "rt/blocking_pool.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>

namespace cachey::rt {
namespace {

TEST(BlockingPool, RunsElsewhereAndResumesHere) {
  asio::io_context io;
  BlockingPool pool(2);  // ends first: its threads may still be inside the loop's post()
  int sum = 0;
  const auto here = std::this_thread::get_id();
  auto task = [&](int value) -> Task<void> {
    auto work = [value, here] {
      EXPECT_NE(std::this_thread::get_id(), here);
      return value * 2;
    };
    const int result = co_await pool.run(work);
    EXPECT_EQ(std::this_thread::get_id(), here);
    sum += result;
  };
  for (int i = 1; i <= 100; ++i) asio::co_spawn(io, task(i), asio::detached);
  io.run();
  EXPECT_EQ(sum, 10100);
}

}  // namespace
}  // namespace cachey::rt
