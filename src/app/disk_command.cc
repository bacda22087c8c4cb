#include "app/disk_command.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/size_text.h"
#include "rt/blocking_pool.h"
#include "store/disk/disk_file.h"
#include "store/disk/file_device.h"
#include "store/disk/inspect.h"

namespace cachey::app {
namespace {

std::string time_text(int64_t seconds) {
  if (seconds == 0) return "-";
  const std::tm utc = utc_of(seconds);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/// A line on standard error that is redrawn. Not drawn if standard error is no terminal.
class ProgressBar {
 public:
  void show(uint64_t done, uint64_t total) {
    const uint64_t percent = total == 0 ? 100 : done * 100 / total;
    if (!terminal_ || percent == shown_) return;
    shown_ = percent;
    const auto filled = static_cast<size_t>(percent * kWidth / 100);
    fmt::print(stderr, "\r[{}{}] {:3}% of {}{}", std::string(filled, '#'),
               std::string(kWidth - filled, ' '), percent, format_size(total),
               percent == 100 ? "\n" : "");
    std::fflush(stderr);
  }

 private:
  static constexpr size_t kWidth = 40;
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  uint64_t shown_ = UINT64_MAX;
};

void print(const store::DiskContents& contents) {
  const store::Superblock& superblock = contents.superblock;
  const double share =
      static_cast<double>(contents.all.bytes) * 100 / static_cast<double>(superblock.capacity);
  fmt::print("format version    {}\n", contents.version);
  fmt::print("made              {}\n", time_text(superblock.created_at));
  fmt::print("capacity          {}\n", superblock.capacity);
  fmt::print("used              {}\n", contents.used_bytes);
  fmt::print("pages             {}\n", contents.all.pages);
  fmt::print("parts of pages    {}\n", contents.all.parts);
  fmt::print("objects           {}\n", contents.objects);
  fmt::print("attributes        {} texts, {} bytes, of {} objects\n", contents.texts,
             contents.text_bytes, contents.objects_with_attributes);
  fmt::print("payload           {} ({:.1f} % of the capacity)\n", contents.all.bytes, share);
  fmt::print("journal           {}, {} blocks damaged, {} unreadable\n", contents.journal_bytes,
             contents.damaged_blocks, contents.unreadable_blocks);
  const uint64_t entries = contents.all.pages + contents.all.parts;
  fmt::print(
      "extents a page    {:.2f}\n",
      entries == 0 ? 0.0 : static_cast<double>(contents.extents) / static_cast<double>(entries));
  fmt::print("overlapping pages {}\n", contents.overlapping_pages);
  fmt::print("cached            {} to {}\n", time_text(contents.oldest),
             time_text(contents.newest));
  for (const auto& [kind, of_kind] : contents.kinds) {
    fmt::print("kind {}: {} pages, {} parts, {} bytes\n", log::quoted(kind), of_kind.pages,
               of_kind.parts, of_kind.bytes);
  }
}

/// Not fmt::print(): it throws if the text cannot be written.
void write_text(std::FILE* file, const std::string& text) { std::fputs(text.c_str(), file); }

/// Some messages begin with the path.
int fail_with(const std::string& path, const Error& error) {
  const std::string begin = log::quoted(path) + ": ";
  const std::string_view why = error.message();
  write_text(stderr, fmt::format("cachey disk: {}{}\n", why.starts_with(begin) ? "" : begin, why));
  return 1;
}

int inspect(store::BlockDevice& device, const std::string& path) {
  const Result<store::DiskContents> contents = store::inspect_disk(device);
  if (!contents) return fail_with(path, contents.error());
  print(*contents);
  return 0;
}

int verify(store::BlockDevice& device, const std::string& path) {
  ProgressBar bar;
  const Result<store::DiskVerification> found =
      store::verify_disk(device, [&bar](uint64_t done, uint64_t total) { bar.show(done, total); });
  if (!found) return fail_with(path, found.error());
  const uint64_t invalid = found->corrupt_pages + found->unreadable_pages;
  fmt::print(
      "pages      {}\nbytes      {}\nvalid      {}\ncorrupt    {} ({} blocks)\nunreadable {}\n",
      found->pages, found->bytes, found->pages - invalid, found->corrupt_pages,
      found->corrupt_blocks, found->unreadable_pages);
  return invalid == 0 ? 0 : 1;
}

struct Verb {
  std::string_view name;
  std::string_view help;
  int (*run)(store::BlockDevice& device, const std::string& path);
};

constexpr Verb kVerbs[] = {
    {"inspect", "What the store's journal says is there", inspect},
    {"verify", "Read all pages and compare their checksums", verify},
};

constexpr std::string_view kAbout =
    "What is in a store on disk. Reads only; a store that is in use may seem damaged.";
constexpr std::string_view kHelpOption =
    "Options:\n  -h,--help                   Print this help message and exit\n\n";

std::string help() {
  std::string text = fmt::format("{}\nUsage: cachey disk [OPTIONS] SUBCOMMAND\n\n{}Subcommands:\n",
                                 kAbout, kHelpOption);
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<27} {}\n", verb.name, verb.help);
  return text + '\n';
}

std::string help_for(const Verb& verb) {
  return fmt::format(
      "{}\nUsage: cachey disk {} [OPTIONS] PATH\n\n"
      "Positionals:\n  PATH TEXT REQUIRED          A directory, a device or a file\n\n{}",
      verb.help, verb.name, kHelpOption);
}

struct Call {
  const Verb* verb;
  std::string path;
};

/// There is nothing to run. The text is for standard output if the code is 0, else for standard
/// error.
struct NoCall {
  int code;
  std::string text;
};

std::unexpected<NoCall> refuse(const std::string& why) {
  return std::unexpected(NoCall{2, why + "\nRun with --help for more information.\n"});
}

/// `arguments`: those after `cachey disk`.
std::expected<Call, NoCall> parse_call(std::span<const char* const> arguments) {
  Call call{nullptr, {}};
  std::vector<std::string_view> unexpected;
  bool options_end = false;
  bool wants_help = false;
  for (const std::string_view argument : arguments) {
    const auto verb = std::ranges::find(kVerbs, argument, &Verb::name);
    if (!options_end && (argument == "-h" || argument == "--help")) {
      wants_help = true;
    } else if (!options_end && argument == "--") {
      options_end = true;
    } else if (call.verb == nullptr && verb != std::end(kVerbs)) {
      call.verb = verb;
    } else if (call.verb != nullptr && call.path.empty() &&
               (options_end || !argument.starts_with('-'))) {
      call.path = argument;
    } else {
      unexpected.push_back(argument);
    }
  }
  if (wants_help) {
    return std::unexpected(NoCall{0, call.verb == nullptr ? help() : help_for(*call.verb)});
  }
  if (call.verb == nullptr) return refuse("A subcommand is required");
  if (call.path.empty()) return refuse("PATH is required");
  if (!unexpected.empty()) {
    return refuse(fmt::format("The following argument{} not expected: {}",
                              unexpected.size() == 1 ? " was" : "s were",
                              fmt::join(unexpected, " ")));
  }
  return call;
}

}  // namespace

int run_disk_command(int argc, const char* const* argv) {
  const auto call = parse_call(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (!call) {
    write_text(call.error().code == 0 ? stdout : stderr, call.error().text);
    return call.error().code;
  }
  struct stat status{};
  const bool directory = ::stat(call->path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  const store::DiskPath disk{call->path, directory ? store::DiskKind::kFs : store::DiskKind::kBlock,
                             0};
  auto file = store::DiskFile::open(disk, store::DiskFile::Access::kReadOnly);
  if (!file) return fail_with(call->path, file.error());
  rt::BlockingPool pool(1);
  store::FileDevice device(std::move(*file), pool);
  return call->verb->run(device, call->path);
}

}  // namespace cachey::app
