#include "app/options/option_table.h"

#include "app/options/value_types.h"
#include "base/log.h"
#include "base/size_text.h"
#include "cache/read_ahead.h"
#include "store/disk/disk_file.h"

namespace cachey::app {
namespace {

ValueType<store::DiskKind> disk_kind_value() {
  return word_value<store::DiskKind>(
      "KIND", {{"fs", store::DiskKind::kFs}, {"block", store::DiskKind::kBlock}});
}

ValueType<ChecksumMode> checksum_mode_value() {
  return word_value<ChecksumMode>(
      "MODE", {{"enabled", ChecksumMode::kEnabled}, {"off", ChecksumMode::kOff}});
}

ValueType<api::OtherKinds> other_kinds_value() {
  return word_value<api::OtherKinds>(
      "WHICH", {{"any", api::OtherKinds::kAny}, {"declared", api::OtherKinds::kRefused}});
}

ValueType<log::Level> log_level_value() {
  return word_value<log::Level>("LEVEL", {{"debug", log::Level::kDebug},
                                          {"info", log::Level::kInfo},
                                          {"warning", log::Level::kWarn},
                                          {"warn", log::Level::kWarn},
                                          {"error", log::Level::kError}});
}

ValueType<LogFormat> log_format_value() {
  return word_value<LogFormat>("FORMAT", {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}

class Table {
 public:
  explicit Table(std::vector<Option>& rows) : rows_(rows) {}

  void group(std::string_view name) { group_ = name; }

  Option& add(Option option) {
    option.group = group_;
    rows_.push_back(std::move(option));
    return rows_.back();
  }

 private:
  std::vector<Option>& rows_;
  std::string_view group_;
};

void add_server(Table& table, Options& o) {
  constexpr size_t kConnectionsLimit = 10'000'000;

  table.group("Server");
  table.add(many("listen", address_value(Port::kOptional), o.listen, "Address to listen on"));
  table
      .add(one("port", number_value<uint16_t>(0, UINT16_MAX), o.port,
               "Port of each address that names none; 0: any free one"))
      .default_text = "443 with TLS, else 80";
  table.add(many("admin-listen", address_value(Port::kRequired), o.admin_listen,
                 "Serve /metrics, /stats and /ui here, and no longer beside /fetch"));
  table.add(
      one("ui", flag_value(), o.ui, "Serve the status page /ui at the addresses of --listen, too"));
  table.add(many("trusted-proxies", ip_prefix_value(), o.trusted_proxies,
                 "Proxies whose Forwarded or X-Forwarded-For tells the client's address: "
                 "10.0.0.0/8, or one address"));
  table.add(one("proxy-protocol", flag_value(), o.server.proxy_protocol,
                "Connections of --trusted-proxies begin with a header of the PROXY protocol, "
                "version 1 or 2; not at --admin-listen"));
  table.add(one("threads", number_value(1u, Options::kThreadsMax), o.threads, "Worker threads"))
      .default_text = "one a CPU";
  table.add(one("max-connections", number_value<size_t>(1, kConnectionsLimit),
                o.server.connections_max,
                "Client connections at a time; more get 503. One address has at most nine tenths"));
  table.add(one("header-timeout", seconds_value(), o.server.head_timeout,
                "For a request's head, from its first byte"));
  table.add(one("idle-timeout", seconds_value(), o.server.idle_timeout,
                "Between two requests of a connection"));
  table.add(one("write-timeout", seconds_value(), o.server.write_timeout,
                "For a client to take 16 KiB of a response"));
  table.add(one("drain-delay", seconds_value(SecondsFrom::kZero), o.drain_delay,
                "After SIGTERM /readyz is 503, and requests are served as before for so long"));
  table.add(one("drain-timeout", seconds_value(), o.drain_timeout,
                "For open requests after SIGTERM and --drain-delay"));
  table.add(one("config", path_value(), o.config_file, "Read options from this TOML file")).where =
      Option::Where::kNotInFile;
  table
      .add(one("print-config", flag_value(), o.print_config,
               "Print all options as a config file, with where each is from, and end"))
      .where = Option::Where::kCommandLineOnly;
  table
      .add(one("check-config", flag_value(), o.check_config,
               "Look for faults of options, files and paths, change nothing, and end"))
      .where = Option::Where::kCommandLineOnly;
}

void add_tls_and_access(Table& table, Options& o) {
  constexpr uint32_t kClientMissesLimit = 1'000'000;
  table.group("TLS");
  table.add(one("tls-cert", path_value(), o.tls.cert_file,
                "The server's certificate and its chain, PEM"));
  table.add(one("tls-key", path_value(), o.tls.key_file, "The certificate's private key, PEM"));
  table.add(one("tls-self", flag_value(), o.tls.self_signed,
                "A certificate made at start, for localhost, 127.0.0.1 and ::1"));
  table.add(one("tls-client-ca", path_value(), o.tls.client_ca_file,
                "Clients must show a certificate that one of these signed, PEM"));
  table.add(one("admin-tls", flag_value(), o.admin_tls,
                "TLS at --admin-listen too; --admin-tls=false: plain HTTP there, without "
                "certificates of clients"));

  table.group("Access");
  table.add(one("auth-tokens", path_value(), o.auth_tokens_file,
                "/fetch, /stats and /metrics need a bearer token of this file, one a line"));
  table.add(
      one("admin-tokens", path_value(), o.admin_tokens_file,
          "/admin/purge and /admin/objects at --admin-listen need a bearer token of this file"));
  table.add(one("client-misses", number_value(0u, kClientMissesLimit), o.client_misses,
                "Requests of one client that wait for the store at a time; more get 429; 0: any"));
  table.add(one("client-bandwidth", size_value(0), o.client_bandwidth,
                "Bytes of bodies a second to one client, on average; past it responses slow down, "
                "new ones get 429; 0: any number"));
  table.add(many("allow-bucket", bucket_glob_value(), o.allow_bucket,
                 "Buckets that may be asked for, with * and ?; others get 403"));
  table
      .add(many("kind", declared_kind_value(), o.kinds,
                "A kind and its buckets, which hold the same objects; other buckets get 403"))
      .separator = ';';
  table.add(one("kinds", other_kinds_value(), o.other_kinds,
                "any, or declared: kinds without --kind get 403"));
  table
      .add(
          many("page-size", page_size_value(), o.page_sizes,
               "The page size of a kind of --kind: a power of two from 64KiB to 16MiB; else 16MiB"))
      .separator = ';';
}

void add_s3api(Table& table, S3ApiOptions& o) {
  table.group("S3 endpoint");
  table.add(many("s3api-listen", address_value(Port::kRequired), o.listen,
                 "Serve the S3 API here, read-only: objects from the cache, lists from the store"));
  table.add(one("s3api-open", flag_value(), o.open,
                "Every client of --s3api-listen may read; signatures are ignored"));
  table.add(one("s3api-keys", path_value(), o.keys_file,
                "Clients of --s3api-listen sign with a key of this file, one a line: ACCESS SECRET "
                "[buckets=GLOB,...] [prefix=TEXT]"));
  table.add(many("s3api-external-host", external_host_value(), o.external_hosts,
                 "A Host that S3 clients sign for, and that a proxy in front changes"));
  table.add(many("s3api-domain", host_name_value(), o.domains,
                 "Take BUCKET.NAME in Host for the bucket, as virtual-host style does"));
  table
      .add(many("s3api-bucket", alias_value(), o.aliases,
                "A bucket for S3 clients over replicas, buckets with the same objects, the "
                "preferred one first"))
      .separator = ';';
  table.add(one("s3api-region", region_value(), o.region, "The region that S3 clients are told"))
      .default_text = "the origin's";
  Option& revalidate =
      table.add(many("s3api-revalidate", revalidate_rule_value(), o.revalidate,
                     "When the store is asked again about an object: never, always, or after a "
                     "number of seconds; GLOB: BUCKET or BUCKET/KEY, the first match counts"));
  revalidate.default_text = "*=5";
  revalidate.separator = ';';
  table.add(one(
      "s3api-stale-if-error", seconds_value(SecondsFrom::kZero), o.stale_if_error,
      "How much older an object may be served while the store does not confirm it; 0: not at all"));
  table.add(one("s3api-plain", flag_value(), o.plain, "No X-Cache and no C0-Status in answers"));
}

void add_disk(Table& table, Options& o) {
  table.group("Disk");
  table.add(
      one("disk-path", path_value(), o.disk_path,
          "Keep pages here too: a directory, made if missing, or with --disk-kind block a device "
          "or file"));
  table.add(one("disk-kind", disk_kind_value(), o.disk_kind,
                "What --disk-path is: fs, a directory to keep a file in; block, a raw device, or a "
                "file that stands for one"));
  table
      .add(one("disk-capacity", size_value(0), o.disk_capacity,
               "Of the disk, at most, index and all; at least " +
                   format_size(store::DiskFile::kBytesMin) + "; 0: 80 % of what is free"))
      .default_text = "80 % of what is free";
  table.add(one("iouring", flag_value(), o.iouring,
                "Read and write the disk by io_uring if the system allows it; "
                "--iouring=false: by threads"));
  table.add(one("disk-bypass", flag_value(), o.fill.disk_bypass,
                "While the disk is slower than the store, read pages on disk from the store; "
                "--disk-bypass=false: never"));
  table.add(
      one("disk-wipe", flag_value(), o.disk_wipe, "Start with an empty disk, whatever is on it"));
  table.add(one(
      "disk-required", flag_value(), o.disk_required,
      "Do not start without the disk: exit with 2 if it is damaged, with 1 if it fails or hangs"));
}

void add_memory(Table& table, Options& o) {
  table.group("Memory");
  table
      .add(one("memory", memory_value(kMemoryMin), o.memory_option,
               "For cached pages, fills in flight and their bookkeeping; at least " +
                   format_size(kMemoryMin) + "; 70%: of what there is"))
      .default_text = "4GiB, at most 70%";
  table.add(one("admission-timeout", seconds_value(), o.memory.admission_timeout,
                "How long a miss waits for memory before it gets 503; at once if the wait is "
                "forecast to be longer"));
  table.add(one("max-download-memory", size_or_zero_value(kPageBytes), o.memory.downloads_max_bytes,
                "Of --memory, for pages on their way from the store, at most; at least " +
                    format_size(kPageBytes) + "; 0: what other uses leave"));
  table.add(many("pin", bucket_glob_value(), o.pin,
                 "Objects whose pages are not evicted, as KIND/KEY, with * and ?"));
  table.add(
      one("pin-limit", pin_limit_value(), o.pin_limit,
          "Of memory and of the disk, for pages of --pin, at most; 25%: of each; at most half "
          "of a tier"));
}

void add_origin(Table& table, Options& o) {
  constexpr uint32_t kBucketRequestsLimit = 1'000'000;
  table.group("Origin");
  table.add(one("origin", origin_value(), o.origin_directory,
                "Where objects come from: s3, or dir:PATH whose sub-directories are the buckets"));
  table.add(one("s3-force-path-style", flag_value(), o.s3_force_path_style,
                "Address buckets by path, unless a request says otherwise"));
  table.add(
      one("s3-checksum-mode", checksum_mode_value(), o.s3_checksum_mode,
          "Ask S3 for checksums: enabled, or off for stores that refuse, as Backblaze B2 does"));
  table.add(
      one("s3-first-byte-timeout", seconds_value(), o.s3_first_byte_timeout,
          "For S3's answer, if a request's C0-Config has no rt; then for the body's first byte"));
  table.add(one("s3-credentials-timeout", seconds_value(), o.s3_credentials_timeout,
                "For one search for credentials, a credential process included"));
  table.add(one("client-limit-max", seconds_value(), o.client_limit_max,
                "The maximum of each time in a request's C0-Config; longer ones are cut"));
  table.add(one("fetch-any-range", flag_value(), o.fetch_any_range,
                "Serve /fetch without a Range, and ranges with one end"));
  table.add(one("s3-anonymous", flag_value(), o.s3_anonymous,
                "Sign no requests to S3: public buckets only"));
  table
      .add(one("check-origin", object_name_value(), o.check_origin,
               "Read one byte of this object, tell how that went and what helps, and end"))
      .where = Option::Where::kCommandLineOnly;
  table.add(one("split-after", size_value(0), o.fill.split_after,
                "A miss that starts further into its page fetches from there first; 0: never"));
  table.add(
      one("hedge-quantile", fraction_value("QUANTILE", 1), o.hedge_quantile,
          "Of a bucket's latencies, after which a second request is sent; 0: only if it hangs"));
  table.add(one("hedge-budget-percent", fraction_value("PERCENT", 100), o.hedge_budget_percent,
                "Second requests that a bucket's good answers earn, in percent of them; 0: only if "
                "it hangs"));
  table.add(one("buckets-per-page", number_value<size_t>(1, origin::kBucketsPerPageMax),
                o.buckets_per_page, "How many of the buckets that a client names a page may ask"));
  table.add(one("bucket-timeout-ms", milliseconds_value(), o.read_limits.bucket_timeout,
                "A bucket silent for so long is left for another one that is named; 0: never"));
  table.add(one("download-timeout-ms", milliseconds_value(), o.read_limits.download_timeout,
                "A miss to which no bucket brings a byte for so long gets 504; 0: no limit"));
  table.add(one("origin-parts", number_value(1u, origin::kPartsMax), o.fill.parts,
                "Ranges that a page is fetched in, side by side"));
  table.add(one("read-ahead", number_value(0u, cache::ReadAhead::kPagesMax),
                o.fill.read_ahead_pages,
                "Pages fetched ahead of a client that reads page after page; 0: none"));
  table.add(one("bucket-requests", number_value(0u, kBucketRequestsLimit), o.gate.requests,
                "Requests to one bucket at a time; more wait their turn; 0: any number"));
  table.add(one("bucket-bandwidth", size_value(0), o.gate.bytes_per_second,
                "Bytes a second from one bucket, on average; 0: any number"));
  table.add(one("negative-ttl", seconds_value(SecondsFrom::kZero), o.fill.negative_ttl,
                "How long it is remembered that an object is not there; 0: not at all"));
}

void add_logging(Table& table, Options& o) {
  table.group("Logging");
  table.add(one("log-level", log_level_value(), o.log_level, "debug, info, warning or error"));
  table.add(one("log-format", log_format_value(), o.log_format,
                "text or json, of the log and the access log"));
  table.add(one("access-log", path_value(), o.access_log,
                "File for a line a request, opened anew on SIGHUP; -: standard output"));
  table.add(one("access-log-probes", flag_value(), o.access_log_probes,
                "Lines for good answers to /healthz, /readyz, /metrics, /stats and /ui, too"));
}

}  // namespace

std::vector<Option> option_table(Options& options) {
  std::vector<Option> rows;
  Table table(rows);
  add_server(table, options);
  add_tls_and_access(table, options);
  add_s3api(table, options.s3api);
  add_memory(table, options);
  add_disk(table, options);
  add_origin(table, options);
  add_logging(table, options);
  return rows;
}

}  // namespace cachey::app
