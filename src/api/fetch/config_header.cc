#include "api/fetch/config_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "base/log.h"

namespace cachey::api {
namespace {

using std::chrono::milliseconds;

std::unexpected<Error> fault(std::string_view key, std::string_view what) {
  return fail(ErrorKind::kBadRequest, fmt::format("C0-Config: {} {}", key, what));
}

Result<uint64_t> number(std::string_view key, std::string_view text, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size() || error == std::errc::invalid_argument) {
    return fault(key, "must be a whole number");
  }
  if (error != std::errc{} || value > most) return fault(key, "is too large");
  return value;
}

/// The field that a key of a time sets; null: no such key.
std::optional<milliseconds>* time_field(origin::RequestConfig& config, std::string_view key) {
  if (key == "ct") return &config.connect_timeout;
  if (key == "rt") return &config.first_byte_timeout;
  if (key == "ot") return &config.operation_timeout;
  if (key == "oat") return &config.attempt_timeout;
  if (key == "ib") return &config.backoff_initial;
  if (key == "mb") return &config.backoff_max;
  return nullptr;
}

Result<void> set(origin::RequestConfig& config, std::string_view key, std::string_view text,
                 milliseconds time_max) {
  if (std::optional<milliseconds>* const time = time_field(config, key)) {
    const Result<uint64_t> value = number(key, text, std::numeric_limits<uint64_t>::max());
    if (!value) return std::unexpected(value.error());
    *time = milliseconds(std::min(*value, static_cast<uint64_t>(time_max.count())));
  } else if (key == "ma") {
    const Result<uint64_t> value = number(key, text, std::numeric_limits<uint32_t>::max());
    if (!value) return std::unexpected(value.error());
    config.attempts_max = static_cast<uint32_t>(*value);
  } else if (key == "parts") {
    const Result<uint64_t> value = number(key, text, origin::kPartsMax);
    if (!value) return std::unexpected(value.error());
    config.parts = std::max<uint32_t>(1, static_cast<uint32_t>(*value));
  } else if (key == "fps") {
    if (text != "true" && text != "false") return fault(key, "must be true or false");
    config.path_style = text == "true";
  }
  return {};
}

/// Takes the first pair between blanks off `rest`; empty: there is none.
std::string_view take_pair(std::string_view& rest) {
  static constexpr std::string_view kBlank = " \t";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const std::string_view pair = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(pair.size());
  return pair;
}

}  // namespace

Result<bool> parse_warm(std::string_view value) {
  constexpr std::string_view kKey = "warm=";
  bool warm = false;
  for (std::string_view pair = take_pair(value); !pair.empty(); pair = take_pair(value)) {
    if (!pair.starts_with(kKey)) continue;
    const std::string_view text = pair.substr(kKey.size());
    if (text != "0" && text != "1") return fault("warm", "must be 0 or 1");
    warm = text == "1";
  }
  return warm;
}

Result<origin::RequestConfig> parse_config(std::string_view value, milliseconds time_max) {
  origin::RequestConfig config;
  for (std::string_view pair = take_pair(value); !pair.empty(); pair = take_pair(value)) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return fault(log::quoted(pair, 32), "must be key=value");
    const Result<void> done =
        set(config, pair.substr(0, equals), pair.substr(equals + 1), time_max);
    if (!done) return std::unexpected(done.error());
  }
  return config;
}

}  // namespace cachey::api
