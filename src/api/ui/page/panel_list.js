// What the panels show. A series has a column of /ui/data, or `value`, a function of a row's number.
// `all` tells what stands for the ten minutes: a sum or the largest value.
const TIERS = [["memory", "memory"], ["disk", "disk"], ["coalesced", "joined a fetch"], ["miss", "fetched"]];
const SMOOTH_ROWS = 5;

let limits = { memory_bytes: null, disk_bytes: null, connections: null };
let threads = null;

function pagesUntil(row) {
  return TIERS.reduce((sum, [tier]) => sum + (history.sum(`pages_${tier}`, row, SMOOTH_ROWS) ?? 0), 0);
}

function tierShare(tier) {
  return (row) => {
    const all = pagesUntil(row);
    return all > 0 ? (history.sum(`pages_${tier}`, row, SMOOTH_ROWS) ?? 0) / all : null;
  };
}

const sums = (name, label, colour, more = {}) => ({ column: name, label, colour, all: "sum", ...more });
const peaks = (name, label, colour, more = {}) => ({ column: name, label, colour, all: "max", ...more });

const latencyPanel = (tier, title, note) => ({
  id: `latency-${tier}`, title, note, kind: "latency", format: duration,
  series: [peaks(`${tier}_p999_us`, "p999", `${tier}-3`), peaks(`${tier}_p99_us`, "p99", `${tier}-2`),
    peaks(`${tier}_p50_us`, "p50", `${tier}-1`)],
});

const PANELS = [
  { id: "sources", title: "Where pages come from", note: "share of pages, of 5 s", kind: "shares", format: share, allFormat: count,
    allTitle: "sum, 10 min",
    series: TIERS.map(([tier, label]) => ({ value: tierShare(tier), label, colour: tier, all: "sum", allOf: `pages_${tier}` })) },
  { id: "throughput", title: "Throughput", note: "bytes a second", kind: "lines", format: trafficRate, allFormat: traffic,
    allTitle: "sum, 10 min",
    series: [sums("egress_bytes", "to clients", "memory", { fill: true }), sums("ingress_bytes", "from the store", "miss"),
      sums("disk_read_bytes", "read from disk", "disk"), sums("disk_written_bytes", "written to disk", "coalesced")] },
  { id: "statuses", title: "Answers", note: "a second, by status", kind: "stack", format: perSecond, allFormat: count,
    allTitle: "sum, 10 min",
    series: [sums("status_5xx", "5xx", "bad"), sums("status_4xx", "4xx", "warn"), sums("status_3xx", "3xx", "coalesced"),
      sums("status_2xx", "2xx", "memory")] },
  latencyPanel("memory", "First byte from memory", "log scale"),
  latencyPanel("disk", "First byte from disk", "log scale"),
  latencyPanel("miss", "First byte of misses", "log scale"),
  { id: "memory", title: "Memory", note: "used, of --memory", kind: "lines", format: size, allTitle: "most, 10 min",
    limit: () => limits.memory_bytes, limitLabel: "limit",
    series: [peaks("memory_used", "used", "memory", { fill: true }),
      peaks("memory_waiting", "waiting for room", "warn", { hidden: true, format: count })] },
  { id: "disk", title: "Disk", note: "used, of --disk-capacity", kind: "lines", format: size, allTitle: "most, 10 min",
    limit: () => limits.disk_bytes, limitLabel: "limit", absent: () => limits.disk_bytes === 0 && "This server has no disk.",
    series: [peaks("disk_used", "used", "disk", { fill: true })] },
  { id: "drops", title: "Pages that left", note: "a second, by cause", kind: "lines", format: perSecond, allFormat: count,
    allTitle: "sum, 10 min",
    series: [sums("drops_evicted", "memory: evicted", "memory"), sums("disk_evictions", "disk: evicted", "disk"),
      sums("drops_changed", "object changed", "coalesced"), sums("drops_failed", "fetch failed", "bad"),
      sums("ghost_hits", "asked for again", "warn")] },
  { id: "store", title: "Requests to the store", note: "a second", kind: "lines", format: perSecond, allFormat: count,
    allTitle: "sum, 10 min",
    series: [sums("origin_attempts", "attempts", "miss", { fill: true }), sums("origin_failures", "failures", "bad"),
      sums("origin_throttled", "throttled", "warn"), sums("hedges", "hedges", "coalesced"),
      peaks("turns_waiting", "waiting turns", "disk", { format: count, allFormat: count }),
      peaks("fills", "pages under way", "memory", { hidden: true, format: count, allFormat: count })] },
  { id: "loops", title: "Event-loop lag", note: "longest of a second", kind: "lines", format: duration, allTitle: "most, 10 min",
    series: [peaks("loop_lag_max_us", "lag", "warn", { fill: true })] },
  { id: "cpu", title: "CPU", note: "cores in use", kind: "lines", format: cores, allTitle: "most, 10 min",
    limit: () => threads, limitLabel: "threads",
    series: [{ value: (row) => scaledBy(history.column("cpu_ms")[row], 1e-3), label: "in use", colour: "memory", fill: true, all: "max" },
      peaks("connections", "connections", "disk", { hidden: true, format: count })] },
];

function scaledBy(value, factor) {
  return value === null || value === undefined ? null : value * factor;
}

function cores(value) {
  return value === null || value === undefined ? NONE : Number.isInteger(value) ? count(value) : digits(value);
}
