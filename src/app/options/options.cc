#include "app/options/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/s3/clients.h"
#include "api/s3/virtual_hosts.h"
#include "app/options/command_line.h"
#include "app/options/config_file.h"
#include "app/options/exposure.h"
#include "app/options/option_table.h"

namespace cachey::app {
namespace {

constexpr std::string_view kRevalidate = "s3api-revalidate";
constexpr std::string_view kPin = "pin";
constexpr size_t kPinsMax = 64;
/// Of --memory, for the newest answer about each object.
constexpr uint64_t kHeadsShare = 32;

bool is_given(const Option& option) { return option.source != Option::kDefaultSource; }

bool gives(const Settings& settings, std::string_view name) {
  return std::ranges::find(settings.settings, name, &Setting::name) != settings.settings.end();
}

/// Finds values that are valid one by one but not together.
class Combinations {
 public:
  Combinations(const Options& options, std::span<const Option> table,
               std::vector<std::string>& faults)
      : options_(options), table_(table), faults_(faults) {}

  void check() {
    needs("tls-cert", "tls-key");
    needs("tls-key", "tls-cert");
    excludes("tls-self", "tls-cert");
    excludes("tls-self", "tls-key");
    if (!options_.tls.client_ca_file.empty() && !options_.tls.enabled()) {
      fault("{} needs TLS: --tls-cert or --tls-self", named("tls-client-ca"));
    }
    needs("admin-tokens", "admin-listen");
    if (!options_.admin_tls && options_.admin_listen.empty())
      fault("{} needs --admin-listen", named("admin-tls"));
    needs("proxy-protocol", "trusted-proxies");
    if (options_.disk_path.empty()) check_no_disk();
    if (options_.listen.empty()) fault("{} names no address", named("listen"));
    check_s3api();
    check_pins();
    check_addresses();
    check_kinds();
  }

 private:
  template <typename... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  /// `--port (from CACHEY_PORT)`.
  std::string named(std::string_view name) {
    return fmt::format("--{} (from {})", name, find_option(table_, name)->source);
  }

  bool is_on(std::string_view name) {
    const std::vector<std::string> values = find_option(table_, name)->get();
    return !values.empty() && values.front() != "" && values.front() != "false";
  }

  void needs(std::string_view one, std::string_view other) {
    if (is_on(one) && !is_on(other)) fault("{} needs --{}", named(one), other);
  }

  void excludes(std::string_view one, std::string_view other) {
    if (is_on(one) && is_on(other)) fault("{} excludes {}", named(one), named(other));
  }

  void check_no_disk() {
    if (options_.disk_kind != store::DiskKind::kFs)
      fault("{} needs --disk-path", named("disk-kind"));
    if (options_.disk_capacity != 0) fault("{} needs --disk-path", named("disk-capacity"));
    if (options_.disk_wipe) fault("{} needs --disk-path", named("disk-wipe"));
    if (options_.disk_required) fault("{} needs --disk-path", named("disk-required"));
  }

  void check_pins() {
    if (options_.pin.size() > kPinsMax) fault("{} takes at most {}", named(kPin), kPinsMax);
    const bool has_no_slash = std::ranges::any_of(options_.pin, [](const api::BucketGlob& glob) {
      return glob.text().find_first_of("/*") == std::string::npos;
    });
    if (has_no_slash) fault("{} names objects as KIND/KEY, such as models/*", named(kPin));
  }

  /// Nobody shall open the buckets to the network without having said so.
  void check_s3api() {
    const S3ApiOptions& s3api = options_.s3api;
    const size_t rules_max = api::s3::RevalidateRules::kRulesMax;
    if (s3api.revalidate.size() > rules_max)
      fault("{} takes at most {}", named("s3api-revalidate"), rules_max);
    if (const auto hosts = api::s3::VirtualHosts::parse(s3api.domains); !hosts)
      fault("{}: {}", named("s3api-domain"), hosts.error().message());
    if (s3api.external_hosts.size() > api::s3::Clients::kExternalHostsMax) {
      fault("{} takes at most {}", named("s3api-external-host"),
            api::s3::Clients::kExternalHostsMax);
    }
    if (s3api.enabled()) {
      check_access_of_s3api();
      return;
    }
    const bool listen_is_wrong = is_given(*find_option(table_, "s3api-listen")) && !faults_.empty();
    if (listen_is_wrong) return;  // its own fault says what to do
    if (s3api.open) fault("{} needs --s3api-listen", named("s3api-open"));
    if (!s3api.keys_file.empty()) fault("{} needs --s3api-listen", named("s3api-keys"));
    if (!s3api.external_hosts.empty())
      fault("{} needs --s3api-listen", named("s3api-external-host"));
    if (!s3api.domains.empty()) fault("{} needs --s3api-listen", named("s3api-domain"));
    if (!s3api.region.empty()) fault("{} needs --s3api-listen", named("s3api-region"));
    if (!s3api.aliases.empty()) fault("{} needs --s3api-listen", named("s3api-bucket"));
    if (s3api.plain) fault("{} needs --s3api-listen", named("s3api-plain"));
    if (!s3api.revalidate.empty()) fault("{} needs --s3api-listen", named("s3api-revalidate"));
    if (s3api.stale_if_error != S3ApiOptions{}.stale_if_error)
      fault("{} needs --s3api-listen", named("s3api-stale-if-error"));
  }

  void check_access_of_s3api() {
    const S3ApiOptions& s3api = options_.s3api;
    if (s3api.open && !s3api.keys_file.empty())
      fault("{} and {} exclude each other", named("s3api-open"), named("s3api-keys"));
    if (!s3api.open && s3api.keys_file.empty()) {
      fault(
          "{} needs --s3api-keys, the file with the keys that clients sign with, or --s3api-open: "
          "it says that every client that reaches the address may read with this server's "
          "credentials, whatever the client signs with",
          named("s3api-listen"));
    }
    if (!s3api.external_hosts.empty() && s3api.open)
      fault("{} needs --s3api-keys", named("s3api-external-host"));
  }

  void check_addresses() {
    std::vector<ListenOption> seen;
    const std::pair<std::string_view, const std::vector<ListenOption>&> lists[] = {
        {"listen", options_.listen},
        {"admin-listen", options_.admin_listen},
        {"s3api-listen", options_.s3api.listen}};
    for (const auto& [name, addresses] : lists) {
      for (ListenOption address : addresses) {
        address.port = address.port.value_or(options_.port);
        if (std::ranges::find(seen, address) != seen.end())
          fault("{}: {} is taken already", named(name), to_text(address));
        if (address.port != 0) seen.push_back(std::move(address));
      }
    }
  }

  void check_kinds() {
    const bool has_kinds = !options_.kinds.empty() || !options_.s3api.aliases.empty();
    if (options_.other_kinds == api::OtherKinds::kRefused && !has_kinds)
      fault("{} needs --kind", named("kinds"));
    std::vector<std::string_view> seen;
    for (const api::DeclaredKind& kind : options_.kinds) {
      if (std::ranges::find(seen, kind.name) != seen.end())
        fault("{}: {} is declared twice", named("kind"), log::quoted(kind.name));
      seen.push_back(kind.name);
      for (const std::string& bucket : kind.buckets) check_allowed("kind", bucket);
    }
    check_aliases(seen);
    check_page_sizes(seen);
  }

  /// An alias is a kind for /fetch, too, which must not have other buckets then.
  void check_aliases(std::vector<std::string_view>& kinds) {
    std::vector<std::string_view> seen;
    for (const api::DeclaredKind& alias : options_.s3api.aliases) {
      if (std::ranges::find(seen, alias.name) != seen.end())
        fault("{}: {} is given twice", named("s3api-bucket"), log::quoted(alias.name));
      seen.push_back(alias.name);
      const auto kind = std::ranges::find(options_.kinds, alias.name, &api::DeclaredKind::name);
      if (kind != options_.kinds.end() && kind->buckets != alias.buckets) {
        fault("{}: {} has other buckets, or another order of them, by {}", named("s3api-bucket"),
              log::quoted(alias.name), named("kind"));
      }
      check_allowed("s3api-bucket", alias.name);
      for (const std::string& bucket : alias.buckets) check_allowed("s3api-bucket", bucket);
    }
    kinds.insert(kinds.end(), seen.begin(), seen.end());
  }

  void check_page_sizes(std::span<const std::string_view> kinds) {
    std::vector<std::string_view> seen;
    for (const cache::KindPageSize& one : options_.page_sizes) {
      if (std::ranges::find(kinds, one.kind) == kinds.end())
        fault("{}: {} is not declared by --kind", named("page-size"), log::quoted(one.kind));
      if (std::ranges::find(seen, one.kind) != seen.end())
        fault("{}: {} is given twice", named("page-size"), log::quoted(one.kind));
      seen.push_back(one.kind);
    }
  }

  void check_allowed(std::string_view option, const std::string& bucket) {
    const auto matches = [&bucket](const api::BucketGlob& glob) { return glob.matches(bucket); };
    if (options_.allow_bucket.empty() || std::ranges::any_of(options_.allow_bucket, matches))
      return;
    fault("{}: {} does not allow the bucket {}", named(option), named("allow-bucket"),
          log::quoted(bucket));
  }

  const Options& options_;
  const std::span<const Option> table_;
  std::vector<std::string>& faults_;
};

/// An alias is a declared kind.
void declare_aliases(Options& options) {
  for (const api::DeclaredKind& alias : options.s3api.aliases) {
    if (std::ranges::find(options.kinds, alias.name, &api::DeclaredKind::name) ==
        options.kinds.end()) {
      options.kinds.push_back(alias);
    }
  }
}

GivenOptions given_options(int argc, const char* const* argv, const char* const* environment,
                           const Machine& machine) {
  GivenOptions given{.arguments = {argv, argv + argc}, .variables = {}, .machine = machine};
  for (; *environment != nullptr; ++environment) {
    if (std::string_view(*environment).starts_with("CACHEY_"))
      given.variables.emplace_back(*environment);
  }
  return given;
}

Exit exit_with(std::vector<std::string> faults, LogFormat format) {
  Exit exit{2, "", std::move(faults), format};
  for (const std::string& fault : exit.faults) exit.text += fmt::format("cachey: {}\n", fault);
  return exit;
}

}  // namespace

std::expected<Options, Exit> parse_options(int argc, const char* const* argv,
                                           const char* const* environment, const Machine& machine) {
  Options options;
  options.threads = std::clamp(machine.cpus, 1u, Options::kThreadsMax);
  std::vector<Option> table = option_table(options);
  const std::expected<Settings, std::string> arguments = read_command_line(argc, argv, table);
  if (!arguments) return std::unexpected(Exit{0, arguments.error()});
  const Settings variables = read_environment(environment, table);

  // Environment and command line may name the config file. They are applied again after the file,
  // so that they override it.
  std::vector<std::string> ignored;
  apply(variables, table, ignored);
  apply(*arguments, table, ignored);
  std::vector<std::string> faults;
  if (!options.config_file.empty()) {
    apply(load_config_file(options.config_file, table), table, faults);
  }
  apply(variables, table, faults);
  apply(*arguments, table, faults);
  const bool is_of_file = !options.config_file.empty() && !gives(variables, kRevalidate) &&
                          !gives(*arguments, kRevalidate);

  if (options.tls.enabled() && !is_given(*find_option(table, "port"))) {
    options.port = Options::kTlsPort;
  }
  Combinations(options, table, faults).check();
  const Option& memory = *find_option(table, "memory");
  const auto chosen = choose_memory(options.memory_option, is_given(memory), kMemoryMin, machine);
  if (!chosen)
    faults.push_back(fmt::format("--memory (from {}) {}", memory.source, chosen.error()));
  if (!faults.empty()) return std::unexpected(exit_with(std::move(faults), options.log_format));
  if (options.print_config) return std::unexpected(Exit{0, write_config_text(table)});
  options.memory.limit_bytes = chosen->bytes;
  if (options.s3api.enabled()) {
    options.fill.heads_bytes_max = options.memory.limit_bytes / kHeadsShare;
    options.s3api.revalidate_is_files = is_of_file;
  }
  options.warnings = variables.warnings;
  if (!chosen->warning.empty()) options.warnings.push_back(chosen->warning);
  warn_of_exposure(options, options.warnings);
  options.server.trusted_proxies = net::TrustedProxies(options.trusted_proxies);
  declare_aliases(options);
  options.given = given_options(argc, argv, environment, machine);
  for (const Option& option : table) options.values.push_back({option.name, option.get()});
  return options;
}

Result<Options> read_options_again(const Options& options) {
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<const char*> all;
    for (const std::string& text : texts) all.push_back(text.c_str());
    all.push_back(nullptr);
    return all;
  };
  const std::vector<const char*> arguments = pointers(options.given.arguments);
  std::expected<Options, Exit> again =
      parse_options(static_cast<int>(options.given.arguments.size()), arguments.data(),
                    pointers(options.given.variables).data(), options.given.machine);
  if (again) return std::move(*again);
  std::string faults;
  for (const std::string& fault : again.error().faults)
    faults += (faults.empty() ? "" : "; ") + fault;
  return fail(ErrorKind::kBadRequest, faults);
}

std::vector<std::string> changed_options(const Options& before, const Options& now) {
  std::vector<std::string> names;
  for (size_t i = 0; i < before.values.size(); ++i) {  // the table is the same
    if (before.values[i].values != now.values[i].values) names.push_back(before.values[i].name);
  }
  return names;
}

Result<std::vector<api::s3::RevalidateRule>> read_revalidate_again(const std::string& config_file) {
  Options options;
  std::vector<Option> table = option_table(options);
  Settings file = load_config_file(config_file, table);
  std::erase_if(file.settings, [](const Setting& setting) { return setting.name != kRevalidate; });
  std::vector<std::string> faults = std::move(file.faults);
  apply(file, table, faults);
  const size_t rules_max = api::s3::RevalidateRules::kRulesMax;
  if (options.s3api.revalidate.size() > rules_max) {
    faults.push_back(fmt::format("{}: takes at most {}", file.settings.front().label, rules_max));
  }
  if (!faults.empty()) return fail(ErrorKind::kBadRequest, faults.front());
  return std::move(options.s3api.revalidate);
}

}  // namespace cachey::app
