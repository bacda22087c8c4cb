#include "app/status/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/status/status_json.h"

namespace cachey::app {
namespace {

/// Texts of names may have any bytes.
std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Status::Status(Identity identity, Metrics& metrics) : identity_(std::move(identity)) {
  Row start;  // the process's counts begin at 0
  for (size_t i = 0; i < kColumns; ++i) start[static_cast<Column>(i)] = 0;
  history_.add(start);
  for (size_t i = 0; i < kFindingCodes; ++i) {
    const auto code = static_cast<FindingCode>(i);
    metrics.read_gauge("cachey_finding", "1 while something is wrong, by what",
                       [this, code] { return findings_.is_on(code) ? 1.0 : 0.0; },
                       {{"code", std::string(to_string(code))}});
  }
}

void Status::add(Facts facts) {
  const MutexLock lock(mutex_);
  facts_ = std::move(facts);
  first_bytes_.add(facts_.first_bytes, facts_.totals);
  history_.add(facts_.totals);
  buckets_.update(facts_.buckets);
  findings_.update({facts_, history_, buckets_.views()});
  common_.clear();
  shared_.clear();
}

bool Status::is_short(uint64_t since) const {
  const MutexLock lock(mutex_);
  return history_.rows_after(since) <= kShortRows;
}

Status::Text Status::data(uint64_t since) {
  const MutexLock lock(mutex_);
  const size_t rows = history_.rows_after(since);
  const uint64_t from = history_.newest() - rows;  // equal for all that get the same rows
  const auto known = std::ranges::find(shared_, from, &Shared::since);
  if (known != shared_.end()) return known->text;
  const bool is_long = rows > kShortRows && rows < history_.size();
  if (is_long && long_texts_->load() >= kLongTextsMax) return nullptr;
  Text text = compose(from, is_long);
  if (shared_.size() < kSharedMax) shared_.push_back({from, text});
  return text;
}

Status::Text Status::compose(uint64_t since, bool is_long) {
  if (common_.empty()) compose_common();
  auto text = std::make_unique<std::string>(common_);
  text->back() = ',';  // was the end of the object
  history_.append_json(since, *text);
  *text += "}\n";
  if (!is_long) return text;
  long_texts_->fetch_add(1);
  return {text.release(), [count = long_texts_](const std::string* done) {
            delete done;
            count->fetch_sub(1);
          }};
}

void Status::compose_common() {
  const int64_t now_ms = facts_.totals[Column::kTimeMs];
  nlohmann::ordered_json json;
  json["version"] = identity_.version;
  json["revision"] = identity_.revision;
  json["boot"] = identity_.boot;
  json["started_ms"] = identity_.started_ms;
  json["now_ms"] = now_ms == kNoValue ? identity_.started_ms : now_ms;
  json["threads"] = identity_.threads;
  json["interval_ms"] = 1000;
  json["limits"] = {{"memory_bytes", identity_.memory_bytes},
                    {"disk_bytes", facts_.disk.capacity_bytes},
                    {"connections", identity_.connections}};
  json["findings"] = findings_json(findings_.worst_first());
  json["buckets"] = buckets_json(buckets_.views(), kBucketsShown);
  const size_t buckets = buckets_.views().size();
  json["buckets_more"] = buckets - std::min(buckets, kBucketsShown);
  json["clients"] = clients_json(facts_.clients, kClientsShown);
  json["warnings"] = warnings_json(kWarningsShown);
  common_ = dump(json);
}

void Status::describe(nlohmann::ordered_json& stats) const {
  const MutexLock lock(mutex_);
  stats["windows"] = {{"10s", window_json(history_, first_bytes_, 10)},
                      {"1m", window_json(history_, first_bytes_, 60)},
                      {"10m", window_json(history_, first_bytes_, 600)}};
  stats["failures"] = failures_json(facts_.totals);
  stats["findings"] = findings_json(findings_.worst_first());
  stats["buckets"] = buckets_json(buckets_.views(), kBucketsShown);
  stats["clients"] = clients_json(facts_.clients, kClientsShown);
}

}  // namespace cachey::app
