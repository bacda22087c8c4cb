// Linked into the tests of rooms with ONE_THREAD (rooms.cmake): a test that starts a thread aborts.

#include <pthread.h>

#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) noexcept {
  std::fputs("This test starts a thread: remove ONE_THREAD from the CMakeLists.txt of its room.\n",
             stderr);
  std::abort();
}
