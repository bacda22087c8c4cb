#pragma once

#include <optional>
#include <utility>

#include "api/s3/freshness.h"
#include "api/s3/get_object.h"
#include "api/s3/metrics.h"
#include "api/s3/part_place.h"
#include "base/byte_range.h"
#include "base/clock.h"
#include "cache/absences.h"
#include "cache/range_reader.h"

namespace cachey::api::s3 {

/// What the request gets of the version in `head`.
struct GetObject::Judged {
  unsigned status = 200;     // 200, 206, 304, 412 or 416
  ByteRange range{};         // with 200 and 206: the bytes of the answer, or that GET would have
  bool needs_place = false;  // the store must be asked where the part is
  bool is_foreign = false;   // the store must answer itself

  [[nodiscard]] bool is_error() const { return status >= 400; }
};

struct GetObject::Answer {
  rt::Worker& worker;
  const net::Request& request;
  net::ResponseWriter& writer;
  const ObjectQuestion& question;
  const MonoTime began;
  MonoTime news_from = began;               // an answer to a question since then is final
  cache::Head head{};                       // what the client is told; no source: not known yet
  std::optional<cache::Absence> absence{};  // if there is no head
  std::optional<PartPlace> place{};         // of the part that is asked for, in the head's version
  bool settled = false;    // the head needs no question, unless it refuses by old news
  bool changed = false;    // the head is not to be used: the store must be asked
  bool misplaced = false;  // the store has said that the part is one of another version
  CacheWord word = CacheWord::kHit;
  bool fetched = false;  // a page, by a reader that was closed since
  bool trailers = false;
  bool opened = false;  // the reader is
  bool limited = false;
  std::optional<cache::RangeReader> reader{};
  std::optional<ObjectBody> body{};  // begun

  [[nodiscard]] const cache::FetchSpec& spec() const { return *question.spec; }
  [[nodiscard]] const ObjectInfo& version() const { return head.source->info; }
  [[nodiscard]] bool wants_bytes(const Judged& judged) const {
    return question.operation == Operation::kGetObject && !judged.range.empty() &&
           judged.status < 300 && !judged.is_foreign;
  }
  /// The store said so, in answer to a question sent at `asked_at`.
  void learn(ObjectSourcePtr source, MonoTime asked_at) {
    if (head.source != source) place.reset();
    head = cache::Head{std::move(source), asked_at};
    changed = false;
  }
  /// What was learnt is old: the store must be asked from `now` on.
  void ask_again(MonoTime now) {
    close();
    changed = true;
    news_from = now;
  }
  void close() {
    fetched = fetched || has_fetched();
    reader.reset();
    opened = false;
  }
  /// The reader's first page was fetched for this request, or by a fill that the request joined.
  [[nodiscard]] bool has_fetched() const { return opened && !reader->hit(); }
  /// Nothing: the reader must wait.
  [[nodiscard]] std::optional<Result<void>> try_open(cache::Cache& cache, ByteRange range) {
    close();
    reader.emplace(cache, worker, question.spec, range, cache::RangeReader::Use::kBody);
    std::optional<Result<void>> result = reader->try_open(question.hash);
    opened = result && *result;
    return result;
  }
  /// The reader reads bytes of the head's version.
  [[nodiscard]] bool fits() const { return opened && reader->source().same_version(*head.source); }
};

}  // namespace cachey::api::s3
