#include "rt/blocking_pool.h"

namespace cachey::rt {

BlockingPool::~BlockingPool() {
  pool_.stop();
  pool_.join();
}

}  // namespace cachey::rt
