#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachey {

/// `512MiB`, `2GB`, `1.5 GiB`, `4096`, `10k`: a decimal number and an optional unit, upper or lower
/// case. KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB (and k, m, g, t) of 1000.
/// Null if the text has another form or the number does not fit 63 bits.
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

/// The shortest exact form: `4GiB`, `1536MiB`, `1000`.
[[nodiscard]] std::string format_size(uint64_t bytes);

}  // namespace cachey
