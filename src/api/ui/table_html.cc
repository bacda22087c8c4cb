#include "api/ui/table_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "api/ui/html_text.h"

namespace cachey::api {
namespace {

using Json = nlohmann::json;

enum class Unit : uint8_t { kCount, kTraffic, kSize, kMicroseconds, kMilliseconds, kShare };
enum class Whole : uint8_t { kSum, kMost };  ///< what stands for the ten minutes

struct Line {
  std::string_view column;
  std::string_view label;
  Unit unit = Unit::kCount;
  Whole whole = Whole::kSum;
};

constexpr std::array kLines = std::to_array<Line>({
    {"pages_memory", "pages from memory"},
    {"pages_disk", "pages from disk"},
    {"pages_coalesced", "pages that joined a fetch"},
    {"pages_miss", "pages fetched"},
    {"egress_bytes", "to clients", Unit::kTraffic},
    {"ingress_bytes", "from the store", Unit::kTraffic},
    {"disk_read_bytes", "read from disk", Unit::kTraffic},
    {"disk_written_bytes", "written to disk", Unit::kTraffic},
    {"memory_p50_us", "first byte from memory, p50", Unit::kMicroseconds, Whole::kMost},
    {"memory_p99_us", "first byte from memory, p99", Unit::kMicroseconds, Whole::kMost},
    {"memory_p999_us", "first byte from memory, p999", Unit::kMicroseconds, Whole::kMost},
    {"disk_p50_us", "first byte from disk, p50", Unit::kMicroseconds, Whole::kMost},
    {"disk_p99_us", "first byte from disk, p99", Unit::kMicroseconds, Whole::kMost},
    {"disk_p999_us", "first byte from disk, p999", Unit::kMicroseconds, Whole::kMost},
    {"miss_p50_us", "first byte of misses, p50", Unit::kMicroseconds, Whole::kMost},
    {"miss_p99_us", "first byte of misses, p99", Unit::kMicroseconds, Whole::kMost},
    {"miss_p999_us", "first byte of misses, p999", Unit::kMicroseconds, Whole::kMost},
    {"memory_used", "memory used", Unit::kSize, Whole::kMost},
    {"memory_waiting", "waiting for room in memory", Unit::kCount, Whole::kMost},
    {"disk_used", "disk used", Unit::kSize, Whole::kMost},
    {"drops_evicted", "pages evicted from memory"},
    {"disk_evictions", "pages evicted from disk"},
    {"drops_changed", "pages dropped: object changed"},
    {"drops_failed", "pages dropped: fetch failed"},
    {"ghost_hits", "evicted pages asked for again"},
    {"status_2xx", "answers 2xx"},
    {"status_3xx", "answers 3xx"},
    {"status_4xx", "answers 4xx"},
    {"status_5xx", "answers 5xx"},
    {"connections", "connections", Unit::kCount, Whole::kMost},
    {"fills", "pages under way", Unit::kCount, Whole::kMost},
    {"origin_attempts", "requests to the store"},
    {"origin_failures", "of these failed"},
    {"origin_throttled", "of these throttled"},
    {"hedges", "hedges"},
    {"turns_waiting", "waiting turns", Unit::kCount, Whole::kMost},
    {"loop_lag_max_us", "event-loop lag", Unit::kMicroseconds, Whole::kMost},
    {"cpu_ms", "CPU time", Unit::kMilliseconds},
});

struct Cell {
  std::string_view member;
  std::string_view title;
  Unit unit = Unit::kCount;
};
constexpr std::array kBucketCells = std::to_array<Cell>({{"name", "Bucket"},
                                                         {"state", "State"},
                                                         {"share", "Let through", Unit::kShare},
                                                         {"error_ratio", "Errors", Unit::kShare},
                                                         {"p50_ms", "p50", Unit::kMilliseconds},
                                                         {"p99_ms", "p99", Unit::kMilliseconds},
                                                         {"attempts", "Attempts"},
                                                         {"failures", "Failures"},
                                                         {"throttled", "Throttled"},
                                                         {"waiting", "Waiting"}});
constexpr std::array kClientCells = std::to_array<Cell>({{"name", "Client"},
                                                         {"requests", "Requests"},
                                                         {"misses", "Misses"},
                                                         {"bytes", "Bytes", Unit::kTraffic},
                                                         {"limited", "Limited"}});

std::string scaled(double value, double base, std::string_view prefixes, std::string_view between) {
  size_t step = 0;
  while (std::abs(value) >= base && step < prefixes.size()) {
    value /= base;
    ++step;
  }
  if (step == 0) return fmt::format("{:.0f} B", value);
  return fmt::format("{:.2f} {}{}B", value, prefixes[step - 1], between);
}

std::string text_of(double value, Unit unit) {
  switch (unit) {
    case Unit::kCount:
      return fmt::format("{:.0f}", value);
    case Unit::kTraffic:
      return scaled(value, 1000, "kMGTPE", "");
    case Unit::kSize:
      return scaled(value, 1024, "KMGTPE", "i");
    case Unit::kMicroseconds:
      return fmt::format("{:.2f} ms", value / 1e3);
    case Unit::kMilliseconds:
      return fmt::format("{:.1f} ms", value);
    case Unit::kShare:
      return fmt::format("{:.1f} %", value * 100);
  }
  return {};
}

/// `2026-11-29 03:12:05 UTC`; empty if no clock says so.
std::string time_text(double unix_ms) {
  constexpr double kYear9999Ms = 253'402'300'799'000.0;
  if (!(unix_ms >= 0 && unix_ms <= kYear9999Ms)) return {};
  const auto ms = std::chrono::milliseconds(static_cast<int64_t>(unix_ms));
  const std::chrono::sys_seconds at(std::chrono::floor<std::chrono::seconds>(ms));
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

/// The member, or null.
const Json& member(const Json& object, std::string_view name) {
  static const Json kNull;
  const auto found = object.find(name);
  return object.is_object() && found != object.end() ? *found : kNull;
}

std::string_view text_member(const Json& object, std::string_view name) {
  const Json& value = member(object, name);
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

double number_member(const Json& object, std::string_view name) {
  const Json& value = member(object, name);
  return value.is_number() ? value.get<double>() : std::nan("");
}

std::string cell_text(const Json& value, Unit unit) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.is_number() ? text_of(value.get<double>(), unit) : "–";
}

class Document {
 public:
  explicit Document(std::string_view style) {
    html_ =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\"><title>Cachey</title>\n<style>";
    html_ += style;
    html_ += "</style></head><body>\n";
  }

  Document& raw(std::string_view html) {
    html_ += html;
    return *this;
  }
  Document& text(std::string_view text) {
    append_text(text, html_);
    return *this;
  }
  void element(std::string_view tag, std::string_view attributes, std::string_view content) {
    raw("<").raw(tag).raw(attributes).raw(">").text(content).raw("</").raw(tag).raw(">");
  }
  void begin_table(std::string_view title, std::span<const std::string_view> columns) {
    raw("<section class=\"panel wide\">").element("h2", "", title);
    raw("<div class=\"scroll whole\"><table><thead><tr>");
    for (const std::string_view column : columns) element("th", " scope=\"col\"", column);
    raw("</tr></thead><tbody>\n");
  }
  void end_table() { raw("</tbody></table></div></section>\n"); }
  std::string finish() && {
    raw("</main></body></html>\n");
    return std::move(html_);
  }

 private:
  std::string html_;
};

void add_head(const Json& data, Document& document) {
  document.raw("<header>").element("h1", "", "Cachey");
  document.raw("<ul id=\"facts\">");
  document.element("li", "", fmt::format("version {}", text_member(data, "version")));
  document.element("li", "", time_text(number_member(data, "now_ms")));
  document.raw("</ul><p><a href=\"table\">Newest values</a> <a href=\"../ui\">With plots</a></p>");
  document.raw("</header>\n<main>");
  const Json& findings = member(data, "findings");
  const Json* worst = findings.is_array() && !findings.empty() ? &findings.front() : nullptr;
  document.raw("<section id=\"findings\" data-level=\"");
  document.text(worst != nullptr ? text_member(*worst, "level") : "ok").raw("\">");
  document.element("p", " id=\"worst\"",
                   worst != nullptr ? text_member(*worst, "text") : "All is well");
  document.raw("<ul id=\"others\">");
  for (const Json& finding : findings) {
    document.element("li", "",
                     fmt::format("{}: {} ({}, since {})", text_member(finding, "level"),
                                 text_member(finding, "text"), text_member(finding, "code"),
                                 time_text(number_member(finding, "since_ms"))));
  }
  document.raw("</ul></section>\n<div id=\"tables\">");
}

/// The value at `column` of a row; null if there is none.
const Json& value_at(const Json& row, size_t column) {
  static const Json kNull;
  return row.is_array() && column < row.size() ? row[column] : kNull;
}

std::string whole_text(const Json& rows, size_t column, const Line& line) {
  double sum = 0;
  double most = 0;
  bool any = false;
  for (const Json& row : rows) {
    const Json& value = value_at(row, column);
    if (!value.is_number()) continue;
    any = true;
    sum += value.get<double>();
    most = std::max(most, value.get<double>());
  }
  return any ? text_of(line.whole == Whole::kSum ? sum : most, line.unit) : "–";
}

void add_lines(const Json& columns, const Json& rows, Document& document) {
  static const Json kNoRow;
  const Json& newest = rows.empty() ? kNoRow : rows.back();
  document.begin_table("Values", std::array<std::string_view, 4>{"", "newest second",
                                                                 "last ten minutes", "of these"});
  for (const Line& line : kLines) {
    const auto found = std::ranges::find_if(columns, [&line](const Json& name) {
      return name.is_string() && name.get_ref<const std::string&>() == line.column;
    });
    if (found == columns.end()) continue;
    const auto column = static_cast<size_t>(found - columns.begin());
    document.raw("<tr>").element("th", " scope=\"row\"", line.label);
    document.element("td", "", cell_text(value_at(newest, column), line.unit));
    document.element("td", "", whole_text(rows, column, line));
    document.element("td", "", line.whole == Whole::kSum ? "sum" : "most");
    document.raw("</tr>\n");
  }
  document.end_table();
}

void add_table(std::string_view title, const Json& values, std::span<const Cell> cells,
               Document& document) {
  if (!values.is_array() || values.empty()) return;
  std::vector<std::string_view> titles;
  for (const Cell& cell : cells) titles.push_back(cell.title);
  document.begin_table(title, titles);
  for (const Json& value : values) {
    document.raw("<tr>");
    for (const Cell& cell : cells) {
      document.element("td", " class=\"name\"", cell_text(member(value, cell.member), cell.unit));
    }
    document.raw("</tr>\n");
  }
  document.end_table();
}

void add_warnings(const Json& warnings, Document& document) {
  if (!warnings.is_array() || warnings.empty()) return;
  document.begin_table("Warnings",
                       std::array<std::string_view, 4>{"Time", "Level", "Event", "Text"});
  for (const Json& warning : warnings) {
    document.raw("<tr>").element("td", "", time_text(number_member(warning, "t_ms")));
    for (const std::string_view name : {"level", "event", "text"})
      document.element("td", " class=\"name\"", text_member(warning, name));
    document.raw("</tr>\n");
  }
  document.end_table();
}

}  // namespace

std::optional<std::string> table_html(std::string_view data, std::string_view style) {
  const Json json = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  const Json& columns = member(json, "columns");
  const Json& rows = member(json, "rows");
  if (!columns.is_array() || !rows.is_array()) return std::nullopt;
  Document document(style);
  add_head(json, document);
  add_lines(columns, rows, document);
  add_table("Buckets, the last minute", member(json, "buckets"), kBucketCells, document);
  add_table("Clients, the last minute", member(json, "clients"), kClientCells, document);
  add_warnings(member(json, "warnings"), document);
  document.raw("</div>");
  return std::move(document).finish();
}

}  // namespace cachey::api
