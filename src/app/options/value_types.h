#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/bucket_glob.h"
#include "api/bucket_rules.h"
#include "api/s3/revalidate_rules.h"
#include "app/options/listen_option.h"
#include "app/options/memory_option.h"
#include "app/options/option.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/log_line.h"
#include "cache/page_sizes.h"
#include "net/connection/trusted_proxies.h"
#include "store/pin_rules.h"

/// The types of options' values: how each is parsed, checked and written.
namespace cachey::app {

/// `512MiB`, `2GB`, `4096`; at least `least`.
[[nodiscard]] ValueType<uint64_t> size_value(uint64_t least);

/// The same, or 0.
[[nodiscard]] ValueType<uint64_t> size_or_zero_value(uint64_t least);

/// A size of at least `least`, or a share such as `70%`.
[[nodiscard]] ValueType<MemoryOption> memory_value(uint64_t least);

/// A size, or a share of a tier from 1 to 50 %.
[[nodiscard]] ValueType<store::PinLimit> pin_limit_value();

enum class SecondsFrom : uint8_t { kZero, kMillisecond };
/// `0.5`, `30`: at least a millisecond, with kZero at least 0; at most a day.
[[nodiscard]] ValueType<std::chrono::milliseconds> seconds_value(
    SecondsFrom from = SecondsFrom::kMillisecond);

/// `5000`: a whole number of milliseconds from 0 to a day.
[[nodiscard]] ValueType<std::chrono::milliseconds> milliseconds_value();

/// An integer from `least` to `most`.
template <typename T>
[[nodiscard]] ValueType<T> number_value(T least, T most) {
  const auto parse = [least, most](const std::string& text) -> std::expected<T, std::string> {
    const std::optional<T> number = parse_number<T>(text);
    if (number && *number >= least && *number <= most) return *number;
    return std::unexpected(
        fmt::format("{} is not a whole number from {} to {}", log::quoted(text), least, most));
  };
  return {"N", Option::Form::kNumber, parse, [](const T& n) { return fmt::format("{}", n); }};
}

/// `0.99`: from 0 to `most`.
[[nodiscard]] ValueType<double> fraction_value(const std::string& name, double most);

/// `true` or `false`; also 1, yes, on, 0, no, off, in upper or lower case.
[[nodiscard]] ValueType<bool> flag_value();

/// Any path.
[[nodiscard]] ValueType<std::string> path_value();

template <typename E>
struct Word {
  std::string_view text;  ///< outlives the option
  E value;
};

/// One of `words`.
template <typename E>
[[nodiscard]] ValueType<E> word_value(std::string name, std::vector<Word<E>> words) {
  const auto parse = [words](const std::string& text) -> std::expected<E, std::string> {
    const auto found = std::ranges::find(words, text, &Word<E>::text);
    if (found != words.end()) return found->value;
    std::string all;
    for (const Word<E>& word : words) all.append(all.empty() ? "" : ", ").append(word.text);
    return std::unexpected(fmt::format("{} is none of {}", log::quoted(text), all));
  };
  const auto format = [words](const E& value) {
    return std::string(std::ranges::find(words, value, &Word<E>::value)->text);
  };
  return {std::move(name), Option::Form::kText, parse, format};
}

/// `s3` (kept as an empty text) or `dir:PATH` (kept as the path).
[[nodiscard]] ValueType<std::string> origin_value();

enum class Port : uint8_t { kOptional, kRequired };
[[nodiscard]] ValueType<ListenOption> address_value(Port port);

/// `10.0.0.0/8`, or one address.
[[nodiscard]] ValueType<net::IpPrefix> ip_prefix_value();

[[nodiscard]] ValueType<api::BucketGlob> bucket_glob_value();

/// `NAME=BUCKET,...`.
[[nodiscard]] ValueType<api::DeclaredKind> declared_kind_value();
/// As a declared kind with a name that S3 clients can say.
[[nodiscard]] ValueType<api::DeclaredKind> alias_value();

/// `KIND=SIZE`.
[[nodiscard]] ValueType<cache::KindPageSize> page_size_value();
[[nodiscard]] ValueType<api::s3::RevalidateRule> revalidate_rule_value();

/// `s3.example.org`: a DNS name, kept in lower case and without a final dot.
[[nodiscard]] ValueType<std::string> host_name_value();

/// `eu-central-1`: letters, digits and dashes; or nothing.
/// A name of a host or an address, in lower case, with or without a port.
[[nodiscard]] ValueType<std::string> external_host_value();
[[nodiscard]] ValueType<std::string> region_value();

/// `BUCKET/KEY`.
[[nodiscard]] ValueType<std::string> object_name_value();

}  // namespace cachey::app
