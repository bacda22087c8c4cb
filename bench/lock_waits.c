// Counts waits for mutexes, by the place that locks: a library for LD_PRELOAD. `cores.py --waits` compiles and reads it.
//
// A lock that is free costs one more call. At the end of the process the file that LOCK_WAITS names gets a line a place:
// waits, nanoseconds of all of them, and the place's address in the program's file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kPlaces = 4096, kTries = 64 };

static struct {
  _Atomic uintptr_t place;
  atomic_ulong waits, nanoseconds;
} places[kPlaces];

// By these names, because dlsym() may allocate, and the allocator locks.
extern int real_lock(pthread_mutex_t *mutex);
extern int real_try(pthread_mutex_t *mutex);
__asm__(".symver real_lock, __pthread_mutex_lock@GLIBC_2.2.5");
__asm__(".symver real_try, __pthread_mutex_trylock@GLIBC_2.2.5");

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void count(uintptr_t place, uint64_t nanoseconds) {
  for (uintptr_t i = 0; i < kTries; ++i) {
    const uintptr_t at = (place * 0x9e3779b97f4a7c15u >> 40 ^ i) % kPlaces;
    uintptr_t free = 0;
    if (!atomic_compare_exchange_strong(&places[at].place, &free, place) && free != place) continue;
    atomic_fetch_add(&places[at].waits, 1);
    atomic_fetch_add(&places[at].nanoseconds, nanoseconds);
    return;
  }
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  if (real_try(mutex) == 0) return 0;
  const uint64_t begun = now();
  const int result = real_lock(mutex);
  count((uintptr_t)__builtin_return_address(0), now() - begun);
  return result;
}

__attribute__((destructor)) static void tell(void) {
  const char *const path = getenv("LOCK_WAITS");
  FILE *const file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  for (int i = 0; i < kPlaces; ++i) {
    const uintptr_t place = places[i].place;
    Dl_info info;
    if (place == 0 || dladdr((void *)place, &info) == 0) continue;
    fprintf(file, "%lu %lu %lx %s\n", places[i].waits, places[i].nanoseconds, place - (uintptr_t)info.dli_fbase,
            info.dli_fname);
  }
  fclose(file);
}
