#include "base/random.h"

#include <random>

namespace cachey {
namespace {

std::mt19937_64& generator() {
  thread_local std::mt19937_64 engine(std::random_device{}());
  return engine;
}

}  // namespace

double SystemRandom::unit() { return static_cast<double>(generator()() >> 11) * 0x1.0p-53; }

uint64_t SystemRandom::bits() { return generator()(); }

}  // namespace cachey
