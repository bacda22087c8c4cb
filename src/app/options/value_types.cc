#include "app/options/value_types.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "api/s3/target.h"
#include "app/options/object_name.h"
#include "base/size_text.h"

namespace cachey::app {
namespace {

constexpr double kSecondsMin = 0.001;
constexpr double kSecondsMax = 86'400;
constexpr std::string_view kDirectoryPrefix = "dir:";

template <typename... Args>
std::unexpected<std::string> refuse(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(fmt::format(format, std::forward<Args>(args)...));
}

constexpr std::string_view kLabelCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/// Labels of 1 to 63 letters, digits and inner dashes, 253 bytes in all. An IPv4 address is none.
bool is_host_name(std::string_view name) {
  constexpr size_t kBytesMax = 253;
  constexpr size_t kLabelBytesMax = 63;
  if (name.size() > kBytesMax || name.find_last_not_of("0123456789.") == std::string_view::npos)
    return false;
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > kLabelBytesMax || label.starts_with('-') ||
        label.ends_with('-') || label.find_first_not_of(kLabelCharacters) != std::string_view::npos)
      return false;
    if (label.size() == name.size()) return true;
    name.remove_prefix(label.size() + 1);
  }
}

/// A finite number, all of `text`.
std::optional<double> parse_fraction(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

ValueType<uint64_t> size_value(uint64_t least) {
  const auto parse = [least](const std::string& text) -> std::expected<uint64_t, std::string> {
    const std::optional<uint64_t> bytes = parse_size(text);
    if (!bytes) {
      return refuse("{} is not a size (like 512MiB, 2GB, 1.5GiB or 4096)", log::quoted(text));
    }
    if (*bytes < least) {
      return refuse("{} is too small; at least {}", log::quoted(text), format_size(least));
    }
    return *bytes;
  };
  return {"SIZE", Option::Form::kSize, parse, [](uint64_t bytes) { return format_size(bytes); }};
}

ValueType<uint64_t> size_or_zero_value(uint64_t least) {
  ValueType<uint64_t> type = size_value(least);
  type.parse = [parse =
                    type.parse](const std::string& text) -> std::expected<uint64_t, std::string> {
    if (parse_size(text) == 0) return 0;
    return parse(text);
  };
  return type;
}

ValueType<MemoryOption> memory_value(uint64_t least) {
  const auto parse = [least](const std::string& text) -> std::expected<MemoryOption, std::string> {
    const std::optional<MemoryOption> memory = parse_memory_option(text);
    if (!memory) {
      return refuse("{} is neither a size (like 512MiB, 2GB, 1.5GiB) nor a share up to 100%",
                    log::quoted(text));
    }
    if (memory->percent == 0 && memory->bytes < least) {
      return refuse("{} is too small; at least {}", log::quoted(text), format_size(least));
    }
    return *memory;
  };
  return {"SIZE", Option::Form::kSize, parse,
          [](const MemoryOption& memory) { return to_text(memory); }};
}

ValueType<store::PinLimit> pin_limit_value() {
  constexpr double kPercentMax = 50;
  const auto parse = [](const std::string& text) -> std::expected<store::PinLimit, std::string> {
    const std::optional<MemoryOption> limit = parse_memory_option(text);
    if (!limit || limit->percent > kPercentMax) {
      return refuse("{} is neither a size (like 512MiB, 2GB) nor a share from 1% to 50%",
                    log::quoted(text));
    }
    return store::PinLimit{limit->percent > 0 ? 0 : limit->bytes, limit->percent};
  };
  return {"SIZE", Option::Form::kSize, parse, [](const store::PinLimit& limit) {
            return to_text(MemoryOption{limit.bytes, limit.percent});
          }};
}

ValueType<std::chrono::milliseconds> seconds_value(SecondsFrom from) {
  using std::chrono::milliseconds;
  const double least = from == SecondsFrom::kZero ? 0 : kSecondsMin;
  const auto parse = [least](const std::string& text) -> std::expected<milliseconds, std::string> {
    const std::optional<double> seconds = parse_fraction(text);
    if (!seconds || *seconds < least || *seconds > kSecondsMax) {
      return refuse("{} is not a number of seconds from {} to {}", log::quoted(text), least,
                    kSecondsMax);
    }
    return milliseconds(std::llround(*seconds * 1000));
  };
  const auto format = [](milliseconds time) {
    return fmt::format("{}", static_cast<double>(time.count()) / 1000);
  };
  return {"SECONDS", Option::Form::kFraction, parse, format};
}

ValueType<std::chrono::milliseconds> milliseconds_value() {
  using std::chrono::milliseconds;
  static constexpr auto kMost = static_cast<uint64_t>(kSecondsMax) * 1000;
  const auto parse = [](const std::string& text) -> std::expected<milliseconds, std::string> {
    const std::optional<uint64_t> number = parse_number<uint64_t>(text);
    if (number && *number <= kMost) return milliseconds(*number);
    return refuse("{} is not a whole number of milliseconds from 0 to {}", log::quoted(text),
                  kMost);
  };
  return {"MILLISECONDS", Option::Form::kNumber, parse,
          [](milliseconds time) { return fmt::format("{}", time.count()); }};
}

ValueType<double> fraction_value(const std::string& name, double most) {
  const auto parse = [most](const std::string& text) -> std::expected<double, std::string> {
    const std::optional<double> number = parse_fraction(text);
    if (number && *number >= 0 && *number <= most) return *number;
    return refuse("{} is not a number from 0 to {}", log::quoted(text), most);
  };
  return {name, Option::Form::kFraction, parse,
          [](double number) { return fmt::format("{}", number); }};
}

ValueType<bool> flag_value() {
  const auto parse = [](const std::string& text) -> std::expected<bool, std::string> {
    const std::string word = lower_case(text);
    for (const char* yes : {"true", "1", "yes", "on"}) {
      if (word == yes) return true;
    }
    for (const char* no : {"false", "0", "no", "off"}) {
      if (word == no) return false;
    }
    return refuse("{} is neither true nor false", log::quoted(text));
  };
  return {"", Option::Form::kFlag, parse, [](bool on) { return on ? "true" : "false"; }};
}

ValueType<std::string> path_value() {
  return {"FILE", Option::Form::kText, [](const std::string& text) { return text; },
          [](const std::string& path) { return path; }};
}

ValueType<std::string> object_name_value() {
  const auto parse = [](const std::string& text) -> std::expected<std::string, std::string> {
    if (text.empty() || parse_object_name(text)) return text;
    return refuse("{} is no BUCKET/KEY", log::quoted(text));
  };
  return {"BUCKET/KEY", Option::Form::kText, parse, [](const std::string& name) { return name; }};
}

ValueType<std::string> host_name_value() {
  const auto parse = [](const std::string& text) -> std::expected<std::string, std::string> {
    std::string name = lower_case(text);
    if (name.ends_with('.')) name.pop_back();
    if (is_host_name(name)) return name;
    return refuse("{} is not a host name (like s3.example.org, without a port)", log::quoted(text));
  };
  return {"NAME", Option::Form::kText, parse, [](const std::string& name) { return name; }};
}

ValueType<std::string> external_host_value() {
  const auto parse = [](const std::string& text) -> std::expected<std::string, std::string> {
    std::string host = lower_case(text);
    const size_t bracket = host.rfind(']');  // of an IPv6 address
    const size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
    const std::string_view name = std::string_view(host).substr(0, colon);
    const bool is_v6 = name.size() > 2 && name.starts_with('[') && name.ends_with(']') &&
                       name.find_first_not_of("0123456789abcdef:.[]") == std::string::npos;
    const bool is_v4 = !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
    const bool has_port = colon != std::string::npos;
    const auto port =
        parse_number<uint16_t>(has_port ? std::string_view(host).substr(colon + 1) : "1");
    if ((is_v6 || is_v4 || is_host_name(name)) && port.value_or(0) != 0) return host;
    return refuse("{} is not NAME[:PORT] (like s3.example.org:9000)", log::quoted(text));
  };
  return {"NAME[:PORT]", Option::Form::kText, parse, [](const std::string& host) { return host; }};
}

ValueType<std::string> region_value() {
  const auto parse = [](const std::string& text) -> std::expected<std::string, std::string> {
    constexpr size_t kBytesMax = 63;
    if (text.size() <= kBytesMax && text.find_first_not_of(kLabelCharacters) == std::string::npos)
      return text;
    return refuse("{} is not a region's name (like eu-central-1)", log::quoted(text));
  };
  return {"NAME", Option::Form::kText, parse, [](const std::string& name) { return name; }};
}

ValueType<std::string> origin_value() {
  const auto parse = [](const std::string& text) -> std::expected<std::string, std::string> {
    if (text == "s3") return std::string();
    if (text.starts_with(kDirectoryPrefix) && text.size() > kDirectoryPrefix.size())
      return text.substr(kDirectoryPrefix.size());
    return refuse("{} is neither s3 nor dir:PATH", log::quoted(text));
  };
  const auto format = [](const std::string& directory) {
    return directory.empty() ? "s3" : std::string(kDirectoryPrefix) + directory;
  };
  return {"ORIGIN", Option::Form::kText, parse, format};
}

ValueType<ListenOption> address_value(Port port) {
  const auto parse = [port](const std::string& text) -> std::expected<ListenOption, std::string> {
    std::optional<ListenOption> address = parse_listen_option(text);
    if (address && (address->port || port == Port::kOptional)) return std::move(*address);
    return refuse(
        "{} is not an IPv4 or IPv6 address {} (like 127.0.0.1:8081 or [::1]:8081; names "
        "such as localhost are not looked up)",
        log::quoted(text), port == Port::kOptional ? "with or without a port" : "with a port");
  };
  return {port == Port::kOptional ? "ADDR" : "ADDR:PORT", Option::Form::kText, parse,
          [](const ListenOption& address) { return to_text(address); }};
}

ValueType<net::IpPrefix> ip_prefix_value() {
  const auto parse = [](const std::string& text) -> std::expected<net::IpPrefix, std::string> {
    if (const std::optional<net::IpPrefix> prefix = net::IpPrefix::parse(text)) return *prefix;
    return refuse(
        "{} is no network of IPv4 or IPv6 (like 10.0.0.0/8, fd00::/8 or 10.1.2.3; no address bits "
        "behind the prefix, no names)",
        log::quoted(text));
  };
  return {"NETWORK", Option::Form::kText, parse,
          [](const net::IpPrefix& prefix) { return prefix.text(); }};
}

ValueType<api::BucketGlob> bucket_glob_value() {
  const auto parse = [](const std::string& text) -> std::expected<api::BucketGlob, std::string> {
    Result<api::BucketGlob> glob = api::BucketGlob::parse(text);
    if (!glob) return refuse("{} {}", log::quoted(text), glob.error().message());
    return std::move(*glob);
  };
  return {"GLOB", Option::Form::kText, parse,
          [](const api::BucketGlob& glob) { return glob.text(); }};
}

ValueType<api::DeclaredKind> declared_kind_value() {
  const auto parse = [](const std::string& text) -> std::expected<api::DeclaredKind, std::string> {
    Result<api::DeclaredKind> kind = api::DeclaredKind::parse(text);
    if (!kind) return refuse("{}: {}", log::quoted(text), kind.error().message());
    return std::move(*kind);
  };
  return {"NAME=BUCKETS", Option::Form::kText, parse,
          [](const api::DeclaredKind& kind) { return kind.text(); }};
}

ValueType<api::DeclaredKind> alias_value() {
  ValueType<api::DeclaredKind> type = declared_kind_value();
  const auto declared = type.parse;
  type.parse =
      [declared](const std::string& text) -> std::expected<api::DeclaredKind, std::string> {
    std::expected<api::DeclaredKind, std::string> alias = declared(text);
    if (!alias || api::s3::is_bucket_name(alias->name)) return alias;
    return refuse("{}: {} is no name of a bucket that S3 clients can ask for", log::quoted(text),
                  log::quoted(alias->name));
  };
  return type;
}

ValueType<cache::KindPageSize> page_size_value() {
  const auto parse =
      [](const std::string& text) -> std::expected<cache::KindPageSize, std::string> {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return refuse("{} is not KIND=SIZE", log::quoted(text));
    const std::string size = text.substr(equals + 1);
    const std::optional<uint64_t> bytes = parse_size(size);
    const std::optional<PageSize> checked = bytes ? PageSize::of(*bytes) : std::nullopt;
    if (!checked) {
      return refuse("{}: {} is not a power of two from {} to {}", log::quoted(text),
                    log::quoted(size), format_size(kPageBytesMin), format_size(kPageBytes));
    }
    return cache::KindPageSize{text.substr(0, equals), *checked};
  };
  return {"KIND=SIZE", Option::Form::kText, parse, [](const cache::KindPageSize& one) {
            return one.kind + "=" + format_size(one.size.bytes());
          }};
}

ValueType<api::s3::RevalidateRule> revalidate_rule_value() {
  using api::s3::RevalidateRule;
  const auto parse = [](const std::string& text) -> std::expected<RevalidateRule, std::string> {
    Result<RevalidateRule> rule = RevalidateRule::parse(text);
    if (!rule) return refuse("{}: {}", log::quoted(text), rule.error().message());
    return std::move(*rule);
  };
  return {"GLOB=POLICY", Option::Form::kText, parse,
          [](const RevalidateRule& rule) { return rule.text(); }};
}

}  // namespace cachey::app
