#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "api/bucket_glob.h"
#include "api/bucket_rules.h"
#include "api/s3/revalidate_rules.h"
#include "app/options/listen_option.h"
#include "app/options/machine.h"
#include "app/options/memory_option.h"
#include "base/log.h"
#include "base/log_line.h"
#include "cache/fill.h"
#include "cache/page_sizes.h"
#include "net/connection/server_config.h"
#include "net/connection/trusted_proxies.h"
#include "net/tls/config.h"
#include "store/disk/disk_file.h"
#include "store/memory_tier.h"
#include "store/pin_rules.h"

namespace cachey::app {

/// Whether S3 is asked for checksums.
enum class ChecksumMode : uint8_t { kEnabled, kOff };

/// The S3 endpoint.
struct S3ApiOptions {
  std::vector<ListenOption> listen;  ///< empty: no S3 endpoint
  bool open = false;                 ///< every client may ask; signatures are ignored
  std::vector<std::string> domains;  ///< of hosts BUCKET.DOMAIN; in lower case
  std::string keys_file;             ///< of the clients' keys; empty: `open`
  /// `NAME[:PORT]`, in lower case: Hosts that clients sign for, and that a proxy in front changes.
  std::vector<std::string> external_hosts;
  std::string region;                      ///< what clients are told; empty: the origin's
  bool plain = false;                      ///< no X-Cache and no C0-Status
  std::vector<api::DeclaredKind> aliases;  ///< of replicas; declared kinds, too
  std::vector<api::s3::RevalidateRule> revalidate;
  bool revalidate_is_files = false;  ///< the config file decides on `revalidate`
  std::chrono::milliseconds stale_if_error{60'000};

  [[nodiscard]] bool enabled() const { return !listen.empty(); }
};

/// What parse_options() was given, so that the options can be read again.
struct GivenOptions {
  std::vector<std::string> arguments;  ///< with the program's name
  std::vector<std::string> variables;  ///< those that begin with CACHEY_
  Machine machine;
};

/// An option's values, in the form in which the config file has them.
struct OptionValues {
  std::string name;
  std::vector<std::string> values;
};

/// The checked values of all options. The values here are the defaults. Immutable after
/// parse_options().
struct Options {
  net::ServerConfig server;  ///< limits; server_configs completes the rest
  std::vector<ListenOption> listen = {{"0.0.0.0", {}}};
  uint16_t port = kPlainPort;  ///< of each of `listen` without a port
  std::vector<ListenOption> admin_listen;
  bool ui = false;                             ///< the status page stands beside /fetch, too
  std::vector<net::IpPrefix> trusted_proxies;  ///< as in `server`
  S3ApiOptions s3api;
  unsigned threads = 1;
  std::chrono::milliseconds drain_delay{0};
  std::chrono::milliseconds drain_timeout{30'000};
  net::tls::Config tls;
  bool admin_tls = true;                      ///< if `tls` is enabled
  std::string auth_tokens_file;               ///< empty: requests need no token
  std::string admin_tokens_file;              ///< empty: nobody may purge
  std::vector<api::BucketGlob> allow_bucket;  ///< empty: every bucket
  std::vector<api::DeclaredKind> kinds;       ///< with the aliases of the S3 endpoint
  api::OtherKinds other_kinds = api::OtherKinds::kAny;
  std::vector<cache::KindPageSize> page_sizes;  ///< of declared kinds, each at most once
  MemoryOption memory_option;
  store::MemoryTierConfig memory;    ///< its limit is what `memory_option` is on this machine
  std::vector<api::BucketGlob> pin;  ///< of `KIND/KEY`
  store::PinLimit pin_limit;
  std::string disk_path;  ///< empty: no disk
  store::DiskKind disk_kind = store::DiskKind::kFs;
  uint64_t disk_capacity = 0;  ///< 0: DiskFile::kDefaultShare of the free space
  bool iouring = true;
  bool disk_wipe = false;
  bool disk_required = false;  ///< no start without the disk
  cache::FillConfig fill;
  /// The maximum of each time in a request's C0-Config.
  std::chrono::milliseconds client_limit_max{60'000};
  uint32_t client_misses = 0;     ///< of one client at a time; 0: any number
  uint64_t client_bandwidth = 0;  ///< bytes of bodies a second to one client; 0: any number
  bool fetch_any_range = false;   ///< /fetch takes each form of AnyRange
  double hedge_quantile = 0.99;
  double hedge_budget_percent = 5;
  size_t buckets_per_page = origin::kBucketsPerPage;
  origin::ReadLimits read_limits;
  origin::GateLimits gate;
  /// Empty: S3. Else a directory; its sub-directories are the buckets.
  std::string origin_directory;
  bool s3_force_path_style = false;
  ChecksumMode s3_checksum_mode = ChecksumMode::kEnabled;
  std::chrono::milliseconds s3_first_byte_timeout{30'000};
  std::chrono::milliseconds s3_credentials_timeout{60'000};
  bool s3_anonymous = false;
  /// Not empty: read one byte of this BUCKET/KEY, print the result, and end.
  std::string check_origin;
  log::Level log_level = log::Level::kInfo;
  LogFormat log_format = LogFormat::kText;
  bool access_log_probes = true;
  std::string access_log;   ///< empty: none; `-`: standard output
  std::string config_file;  ///< empty: none
  bool print_config = false;
  bool check_config = false;  ///< look for faults, and end
  /// For the log.
  std::vector<std::string> warnings;
  GivenOptions given;
  std::vector<OptionValues> values;  ///< of all options in the table's order, as given

  static constexpr unsigned kThreadsMax = 1024;
  static constexpr uint16_t kPlainPort = 80;
  static constexpr uint16_t kTlsPort = 443;
};

/// The process ends instead of serving: with a text for standard output (help, version,
/// configuration; code 0), or with faults for standard error (code 2).
struct Exit {
  int code;
  std::string text;  ///< with code 2: one line for each fault
  std::vector<std::string> faults = {};
  LogFormat format = LogFormat::kText;  ///< in which the faults are wanted
};

/// Reads the config file, the environment (CACHEY_MEMORY for --memory, and so on) and the command
/// line; a later one of the three overrides an earlier one. Reports the faults of all three
/// together. `environment` ends with a null pointer, as `environ` does. `machine` limits the memory
/// and sets the default of the threads.
[[nodiscard]] std::expected<Options, Exit> parse_options(int argc, const char* const* argv,
                                                         const char* const* environment,
                                                         const Machine& machine);

/// Reads the options again, as they were given at the start: what the config file says now counts.
/// kBadRequest: all faults, in one line. Blocks.
[[nodiscard]] Result<Options> read_options_again(const Options& options);

/// The names of the options that have other values now.
[[nodiscard]] std::vector<std::string> changed_options(const Options& before, const Options& now);

/// The values of `--s3api-revalidate` as the config file has them now. kBadRequest: the file's
/// first fault. Blocks.
[[nodiscard]] Result<std::vector<api::s3::RevalidateRule>> read_revalidate_again(
    const std::string& config_file);

}  // namespace cachey::app
