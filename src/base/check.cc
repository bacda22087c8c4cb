#include "base/check.h"

#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace cachey {

void check_failed(const char* condition, const char* file, int line) {
  log::flush();
  std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace cachey
