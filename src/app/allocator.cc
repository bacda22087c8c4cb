// The heap of the server: jemalloc on huge pages. The bookkeeping of a million small pages takes
// a gigabyte. With memory pages of 4 KiB each look-up would miss the TLB several times.
//
// Memory goes back to the system on a thread of jemalloc's own. Without this thread a worker that
// frees memory does so now and then, for 0.5 ms and more, and may hold a mutex of all workers. One
// thread only: jemalloc starts further ones from the first, and if the system has no thread left
// (ulimit -u, a pids limit), the first one tries without a pause and fills standard error.

extern "C" {
/// jemalloc reads this text before main() (jemalloc(3), "tuning"). MALLOC_CONF overrides it.
extern const char* const malloc_conf;
const char* const malloc_conf =
    "thp:always,metadata_thp:auto,background_thread:true,max_background_threads:1";
}
