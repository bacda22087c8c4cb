#include "app/status/columns.h"

namespace cachey::app {
namespace {

using enum Measure;

constexpr std::array<ColumnInfo, kColumns> kInfos = {{
    {"t_ms", kLevel},
    {"pages_memory", kCount},
    {"pages_disk", kCount},
    {"pages_coalesced", kCount},
    {"pages_miss", kCount},
    {"egress_bytes", kCount},
    {"ingress_bytes", kCount},
    {"disk_read_bytes", kCount},
    {"disk_written_bytes", kCount},
    {"memory_used", kLevel},
    {"memory_waiting", kLevel},
    {"disk_used", kLevel},
    {"drops_evicted", kCount},
    {"drops_changed", kCount},
    {"drops_failed", kCount},
    {"disk_evictions", kCount},
    {"ghost_hits", kCount},
    {"memory_p50_us", kLevel},
    {"memory_p99_us", kLevel},
    {"memory_p999_us", kLevel},
    {"disk_p50_us", kLevel},
    {"disk_p99_us", kLevel},
    {"disk_p999_us", kLevel},
    {"miss_p50_us", kLevel},
    {"miss_p99_us", kLevel},
    {"miss_p999_us", kLevel},
    {"status_2xx", kCount},
    {"status_3xx", kCount},
    {"status_4xx", kCount},
    {"status_5xx", kCount},
    {"connections", kLevel},
    {"fills", kLevel},
    {"loop_lag_max_us", kLevel},
    {"origin_attempts", kCount},
    {"origin_failures", kCount},
    {"origin_throttled", kCount},
    {"turns_waiting", kLevel},
    {"hedges", kCount},
    {"cpu_ms", kCount},
    {"status_failed", kCount},
    {"fetches", kCount},
    {"failed_store", kCount},
    {"failed_timeout", kCount},
    {"failed_overloaded", kCount},
    {"failed_internal", kCount},
    {"failed_request", kCount},
    {"client_gone", kCount},
    {"misses_refused", kCount},
    {"turns_refused", kCount},
    {"connections_refused", kCount},
    {"clients_limited", kCount},
    {"origin_ok", kCount},
    {"key_refused", kCount},
    {"key_refused_objects", kCount},
    {"other_good", kCount},
    {"other_denied", kCount},
    {"other_denied_objects", kCount},
    {"logs_dropped", kCount},
}};

}  // namespace

const ColumnInfo& info_of(Column column) { return kInfos[static_cast<size_t>(column)]; }

}  // namespace cachey::app
