#include "app/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

/// jemalloc's; null in programs without jemalloc.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, size_t* old_size,
                                     void* new_value, size_t new_size);

namespace cachey::app {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Memory {
  double total_pages = 0;
  double resident_pages = 0;
};

Memory memory() {
  std::ifstream statm("/proc/self/statm");
  Memory read;
  statm >> read.total_pages >> read.resident_pages;
  return read;
}

double page_bytes() { return static_cast<double>(::sysconf(_SC_PAGESIZE)); }

/// The number of entries of a directory; `unknown` if the directory cannot be read.
double entries(const char* path, double unknown) {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return unknown;
  double count = -2;  // `.` and `..`
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

double open_files_max() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

/// Registers jemalloc's statistics, which jemalloc takes anew before each collection.
void add_heap_metrics(Metrics& metrics) {
  if (mallctl == nullptr) return;
  metrics.before_collect([] {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
  });
  const auto add = [&metrics](const std::string& name, const char* help) {
    metrics.read_gauge("cachey_jemalloc_" + name + "_bytes", help, [name] {
      size_t bytes = 0;
      size_t size = sizeof bytes;
      (void)mallctl(("stats." + name).c_str(), &bytes, &size, nullptr, 0);
      return static_cast<double>(bytes);
    });
  };
  add("allocated", "Heap: bytes that the program has");
  add("active", "Heap: bytes of the pages that these are in");
  add("metadata", "Heap: bytes of the allocator itself");
  add("resident", "Heap: bytes of pages that are in memory");
  add("mapped", "Heap: bytes of address space");
  add("retained", "Heap: bytes of address space that are kept for later");
}

}  // namespace

void add_process_metrics(Metrics& metrics) {
  const auto started = static_cast<double>(std::time(nullptr));
  metrics.read_counter("process_cpu_seconds_total", "User and system CPU time", cpu_seconds);
  metrics.read_gauge("process_resident_memory_bytes", "Resident memory",
                     [] { return memory().resident_pages * page_bytes(); });
  metrics.read_gauge("process_virtual_memory_bytes", "Address space",
                     [] { return memory().total_pages * page_bytes(); });
  metrics.read_gauge("process_open_fds", "Open file descriptors",
                     // Minus the descriptor that opendir() took. If opendir() fails, all
                     // descriptors are in use.
                     [] { return entries("/proc/self/fd", open_files_max() + 1) - 1; });
  metrics.read_gauge("process_max_fds", "The most file descriptors there may be", open_files_max);
  metrics.read_gauge("process_threads", "Threads", [] { return entries("/proc/self/task", 0); });
  metrics.read_gauge("process_start_time_seconds", "When the process started, Unix time",
                     [started] { return started; });
  add_heap_metrics(metrics);
}

void add_certificate_metric(Metrics& metrics, const net::tls::Contexts& tls) {
  metrics.read_gauge("cachey_tls_certificate_not_after_seconds",
                     "When the first certificate of the served chain expires, Unix time",
                     [&tls] { return static_cast<double>(tls.not_after()); });
}

}  // namespace cachey::app
