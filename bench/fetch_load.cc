// fetch_load: requests ranges from one HTTP/1.1 server and drops the bytes.
//
// The same client loads every server of a comparison, so that only the servers differ.

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "load/load.h"

namespace {

using namespace cachey::bench;

constexpr std::string_view kUsage =
    "usage: fetch_load HOST PORT LIST CONNECTIONS SECONDS [--once] [--rate N] [--verify N]\n"
    "  HOST         numeric IPv4 address\n"
    "  LIST         file of lines `FIRST LAST PATH [FILE [FIELDS]]`: a range of bytes (both ends "
    "included) of a\n"
    "               path, the file that has the object's bytes, and a file with more lines for the "
    "request's head\n"
    "  SECONDS      no request starts after that; those under way are finished\n"
    "  --once       ask each line once, then end; else begin again at the first line\n"
    "  --rate N     N requests a second at even distances, whether or not the server keeps up; "
    "times count from\n"
    "               when a request was due. Else the next request follows the answer\n"
    "  --verify N   compare the bytes of one answer in N with FILE\n"
    "Prints one JSON object. Exit 1 if any answer was wrong, 2 if it could not run.\n";

struct CommandLine {
  LoadOptions load;
  std::string list;
};

template <typename Number>
Number parse_number(std::string_view text, const char* what) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    give_up(std::string("bad ") + what);
  return value;
}

CommandLine parse_command_line(int argc, char** argv) {
  if (argc < 6) {
    std::fputs(kUsage.data(), stderr);
    std::exit(2);
  }
  CommandLine line;
  line.load.server.sin_family = AF_INET;
  if (inet_pton(AF_INET, argv[1], &line.load.server.sin_addr) != 1) give_up("bad HOST");
  line.load.server.sin_port = htons(parse_number<uint16_t>(argv[2], "PORT"));
  line.list = argv[3];
  line.load.connections = parse_number<size_t>(argv[4], "CONNECTIONS");
  if (line.load.connections == 0) give_up("CONNECTIONS must be at least 1");
  line.load.length = std::chrono::duration<double>(parse_number<double>(argv[5], "SECONDS"));
  for (int i = 6; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--once") {
      line.load.once = true;
    } else if (word == "--rate" && i + 1 < argc) {
      line.load.rate = parse_number<double>(argv[++i], "--rate");
    } else if (word == "--verify" && i + 1 < argc) {
      line.load.verify = parse_number<uint64_t>(argv[++i], "--verify");
    } else {
      give_up("unknown argument: " + std::string(word));
    }
  }
  return line;
}

/// The bytes of a file, mapped until the program ends.
std::string_view mapped(const std::string& path) {
  static std::map<std::string, std::string_view> files;
  const auto known = files.find(path);
  if (known != files.end()) return known->second;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts{};
  if (fd < 0 || fstat(fd, &facts) != 0) give_up("cannot read " + path);
  const auto size = static_cast<size_t>(facts.st_size);
  void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED) give_up("cannot map " + path);
  return files[path] = {static_cast<const char*>(bytes), size};
}

std::vector<Wanted> read_list(const std::string& path) {
  std::ifstream file(path);
  std::vector<Wanted> wanted;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    uint64_t first = 0;
    uint64_t last = 0;
    std::string target;
    std::string source;
    if (!(fields >> first >> last >> target) || last < first) give_up("bad line: " + line);
    const std::string range = std::to_string(first) + "-" + std::to_string(last);
    Wanted next{
        .request = "GET " + target + " HTTP/1.1\r\nHost: bench\r\nRange: bytes=" + range + "\r\n",
        .body_bytes = last - first + 1,
        .body = {}};
    if (fields >> source) {
      const std::string_view whole = mapped(source);
      if (last >= whole.size()) give_up("past the end of its file: " + line);
      next.body = {whole.data() + first, next.body_bytes};
    }
    if (std::string more; fields >> more) next.request += mapped(more);
    next.request += "\r\n";
    wanted.push_back(std::move(next));
  }
  if (wanted.empty()) give_up("nothing to ask in " + path);
  return wanted;
}

std::string percentiles_json(std::vector<uint32_t> samples) {
  if (samples.empty()) return "null";
  std::sort(samples.begin(), samples.end());
  const auto at = [&samples](double share) {
    return std::to_string(
        samples[static_cast<size_t>(share * static_cast<double>(samples.size() - 1))]);
  };
  return "{\"p50\": " + at(0.5) + ", \"p90\": " + at(0.9) + ", \"p99\": " + at(0.99) +
         ", \"p999\": " + at(0.999) + ", \"max\": " + at(1.0) + "}";
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print_json(const LoadTotals& totals, double seconds) {
  const auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"requests\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"errors\": %llu, \"verified\": "
      "%llu,\n",
      number(totals.requests), number(totals.body_bytes), seconds, number(totals.errors),
      number(totals.verified));
  std::printf(
      " \"reconnects\": %llu, \"not_sent\": %llu, \"client_cpu_seconds\": %.3f, \"first_error\": "
      "\"%s\",\n",
      number(totals.reconnects), number(totals.not_sent), own_cpu_seconds(),
      totals.first_error.c_str());
  std::printf(" \"whole_us\": %s,\n \"first_byte_us\": %s}\n",
              percentiles_json(totals.whole_us).c_str(),
              percentiles_json(totals.first_byte_us).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const CommandLine line = parse_command_line(argc, argv);
  const std::vector<Wanted> wanted = read_list(line.list);
  const auto start = std::chrono::steady_clock::now();
  const LoadTotals totals = run_load(line.load, wanted);
  print_json(totals,
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return totals.errors == 0 ? 0 : 1;
}
