// The heap of the server: jemalloc, with huge pages under it. What pages of small objects need
// beside their bytes is a gigabyte a million objects; over pages of 4 KiB each look-up in it would
// miss the TLB several times.

extern "C" {
/// jemalloc reads it before main() (jemalloc(3), "tuning"); MALLOC_CONF has the last word.
extern const char* const malloc_conf;
const char* const malloc_conf = "thp:always,metadata_thp:auto";
}
