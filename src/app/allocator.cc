// The heap of the server: jemalloc on huge pages. The bookkeeping of a million small pages takes
// a gigabyte. With memory pages of 4 KiB each look-up would miss the TLB several times.

extern "C" {
/// jemalloc reads this text before main() (jemalloc(3), "tuning"). MALLOC_CONF overrides it.
extern const char* const malloc_conf;
const char* const malloc_conf = "thp:always,metadata_thp:auto";
}
