#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>

#include "api/fetch/config_header.h"
#include "api/fetch/fetch.h"
#include "api/testing/recording_writer.h"
#include "cache/testing/virtual_cache.h"

// The response, and the requests to the origin, for every pair of outcomes of two buckets.

namespace cachey::api {
namespace {

using namespace std::chrono_literals;
using origin::FakeOrigin;

constexpr uint64_t kObjectBytes = 1000;

FakeOrigin::Behaviour outcome(std::string_view name, const std::string& bucket) {
  FakeOrigin::Behaviour behaviour;
  const auto fails = [&](ErrorKind kind) {
    behaviour.error = Error(kind, bucket + " says " + std::string(name));
  };
  if (name == "404") fails(ErrorKind::kNotFound);
  if (name == "403") fails(ErrorKind::kDenied);
  if (name == "416") behaviour.error = Error::range_not_satisfiable(kObjectBytes);
  if (name == "500") fails(ErrorKind::kUpstream);
  if (name == "503") fails(ErrorKind::kThrottled);
  if (name == "timeout") fails(ErrorKind::kTimeout);
  if (name == "archived") fails(ErrorKind::kArchived);
  if (name == "cut") behaviour.cut_after = 10;
  if (name == "hang") behaviour.head_delay = 5s;
  if (name == "stall") {
    behaviour.read_bytes = 100;
    behaviour.stall_after = 100;
    behaviour.stall_time = 5s;
  }
  return behaviour;
}

/// The outcomes of buckets "a" and "b", in this order, and what a fetch of a whole object then
/// does.
struct Row {
  const char* a;
  const char* b;
  unsigned status;
  const char* teller;  // the client gets the error text of this bucket; -: none
  bool whole;          // false: the body broke off
  const char* asked;   // one letter per request to the origin
  double failures_a;   // consecutive ones, as in /metrics; -1: no metric
  double failures_b;
  uint64_t resumes;
  const char* counted;  // the status of the fetch in /metrics

  friend bool operator==(const Row& x, const Row& y) {
    return std::string_view(x.teller) == y.teller && std::string_view(x.asked) == y.asked &&
           std::string_view(x.counted) == y.counted &&
           std::tie(x.status, x.whole, x.failures_a, x.failures_b, x.resumes) ==
               std::tie(y.status, y.whole, y.failures_a, y.failures_b, y.resumes);
  }
};

std::string to_text(const Row& row) {
  return fmt::format(R"({{"{}", "{}", {}, "{}", {}, "{}", {}, {}, {}, "{}"}},)", row.a, row.b,
                     row.status, row.teller, row.whole, row.asked, row.failures_a, row.failures_b,
                     row.resumes, row.counted);
}

/// All parts of a server below the network, for one fetch.
class World : cache::VirtualCache {
 public:
  World(const char* a, const char* b) : VirtualCache({.memory = 4 * kPageBytes}) {
    for (const char* bucket : {"a", "b"}) origin_.put(bucket, "o", {.size = kObjectBytes});
    origin_.behave("a", outcome(a, "a"));
    origin_.behave("b", outcome(b, "b"));
  }

  Row fetch(const Row& of) {
    Row row = of;
    const std::string range = fmt::format("bytes=0-{}", kObjectBytes - 1);
    const net::Request request(net::Method::kGet, "/fetch/k/o",
                               {{"range", range}, {"c0-bucket", "a"}, {"c0-bucket", "b"}});
    RecordingWriter writer;
    (void)world_.run(handle(request, writer));
    row.status = writer.status;
    row.whole = writer.finished;
    EXPECT_EQ(writer.fields.contains("Retry-After"), writer.status == 503);
    EXPECT_EQ(writer.lines, "") << "the object's attributes are not for /fetch";
    if (row.status == 206) EXPECT_EQ(writer.fields["content-type"], "application/octet-stream");
    row.teller = writer.text.starts_with("a says") ? "a" : "-";
    if (writer.text.starts_with("b says")) row.teller = "b";
    for (const FakeOrigin::Asked& asked : origin_.asked()) asked_ += asked.bucket;
    row.asked = asked_.c_str();
    row.failures_a = failures("a");
    row.failures_b = failures("b");
    row.resumes = read_metrics_.resumes.total();
    counted_ = counted();
    row.counted = counted_.c_str();
    return row;
  }

  /// Whether a fetch is answered before handle() returns. The rest of the answer follows, if it is
  /// not.
  bool answers_at_once(net::Method method, net::ResponseWriter& writer) {
    net::Request request(method, "/fetch/k/o", {{"range", "bytes=0-999"}, {"c0-bucket", "a"}});
    request.set_takes_trailers(true);  // as each request of HTTP/2
    const Permit permit = *access_.admit(Scope::kClient, request);
    rt::Task<void> rest = fetch_.handle(world_.worker(), request, permit, writer);
    if (!rest.valid()) return true;
    (void)world_.run(ended(std::move(rest)));
    return false;
  }

  /// The client of a fetch leaves after a second. Returns what is counted.
  std::string leave(RecordingWriter& writer) {
    const net::Request request(net::Method::kGet, "/fetch/k/o",
                               {{"range", "bytes=0-999"}, {"c0-bucket", "a"}});
    const auto ended = world_.start(handle(request, writer));
    world_.pass(1s);
    EXPECT_FALSE(ended->has_value());
    writer.leave();
    world_.pass(rt::TimerWheel::kTick);
    EXPECT_TRUE(ended->has_value());
    world_.pass(10s);  // the fill ends
    return counted();
  }

 private:
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer) {
    const Permit permit = *access_.admit(Scope::kClient, request);
    rt::Task<void> rest = fetch_.handle(world_.worker(), request, permit, writer);
    if (rest.valid()) co_await std::move(rest);
    co_return true;
  }

  static rt::Task<bool> ended(rt::Task<void> rest) {
    co_await std::move(rest);
    co_return true;
  }

  /// The status label that the fetch ended with.
  std::string counted() {
    std::istringstream lines(metrics_.text());
    std::string statuses;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("cachey_fetch_requests_total{") || line.ends_with(" 0")) continue;
      const size_t at = line.find("status=\"") + 8;
      const std::string status = line.substr(at, line.find('"', at) - at);
      if (status != "start") statuses += status;
    }
    return statuses;
  }

  double failures(const std::string& bucket) {
    const auto view = buckets_.view(bucket);
    return view ? view->consecutive_failures : -1;
  }

  FetchMetrics fetch_metrics_{metrics_, 10};
  Throughput egress_{metrics_.counter("egress", "")};
  Access access_{metrics_, {}, {}};
  Fetch fetch_{cache_, fetch_metrics_, egress_, kClientLimitMax};
  std::string asked_;
  std::string counted_;
};

constexpr Row kOutcomes[] = {
    {"ok", "ok", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "404", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "403", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "416", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "500", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "503", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "timeout", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "cut", 206, "-", true, "a", 0, -1, 0, "success"},
    {"ok", "archived", 206, "-", true, "a", 0, -1, 0, "success"},
    {"404", "ok", 206, "-", true, "ab", -1, 0, 0, "success"},
    {"404", "404", 404, "a", true, "ab", -1, -1, 0, "failed:init:not_found"},
    {"404", "403", 403, "b", true, "ab", -1, -1, 0, "failed:init:denied"},
    {"404", "416", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"404", "500", 502, "b", true, "ab", -1, 1, 0, "failed:init:upstream"},
    {"404", "503", 503, "b", true, "ab", -1, 1, 0, "failed:init:overloaded"},
    {"404", "timeout", 504, "b", true, "ab", -1, 1, 0, "failed:init:timeout"},
    {"404", "cut", 206, "-", false, "ababab", -1, 1, 2, "failed:later:upstream"},
    {"404", "archived", 403, "b", true, "ab", -1, -1, 0, "failed:init:archived"},
    {"403", "ok", 206, "-", true, "ab", -1, 0, 0, "success"},
    {"403", "404", 403, "a", true, "ab", -1, -1, 0, "failed:init:denied"},
    {"403", "403", 403, "a", true, "ab", -1, -1, 0, "failed:init:denied"},
    {"403", "416", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"403", "500", 502, "b", true, "ab", -1, 1, 0, "failed:init:upstream"},
    {"403", "503", 503, "b", true, "ab", -1, 1, 0, "failed:init:overloaded"},
    {"403", "timeout", 504, "b", true, "ab", -1, 1, 0, "failed:init:timeout"},
    {"403", "cut", 206, "-", false, "ababab", -1, 1, 2, "failed:later:upstream"},
    {"403", "archived", 403, "b", true, "ab", -1, -1, 0, "failed:init:archived"},
    {"416", "ok", 206, "-", true, "ab", -1, 0, 0, "success"},
    {"416", "404", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"416", "403", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"416", "416", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"416", "500", 416, "-", true, "ab", -1, 1, 0, "failed:init:range_not_satisfiable"},
    {"416", "503", 416, "-", true, "ab", -1, 1, 0, "failed:init:range_not_satisfiable"},
    {"416", "timeout", 416, "-", true, "ab", -1, 1, 0, "failed:init:range_not_satisfiable"},
    {"416", "cut", 206, "-", false, "ababab", -1, 1, 2, "failed:later:upstream"},
    {"416", "archived", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"500", "ok", 206, "-", true, "ab", 1, 0, 0, "success"},
    {"500", "404", 502, "a", true, "ab", 1, -1, 0, "failed:init:upstream"},
    {"500", "403", 502, "a", true, "ab", 1, -1, 0, "failed:init:upstream"},
    {"500", "416", 416, "-", true, "ab", 1, -1, 0, "failed:init:range_not_satisfiable"},
    {"500", "500", 502, "a", true, "ab", 1, 1, 0, "failed:init:upstream"},
    {"500", "503", 503, "b", true, "ab", 1, 1, 0, "failed:init:overloaded"},
    {"500", "timeout", 504, "b", true, "ab", 1, 1, 0, "failed:init:timeout"},
    {"500", "cut", 206, "-", false, "ababab", 1, 1, 2, "failed:later:upstream"},
    {"500", "archived", 502, "a", true, "ab", 1, -1, 0, "failed:init:upstream"},
    {"503", "ok", 206, "-", true, "ab", 1, 0, 0, "success"},
    {"503", "404", 503, "a", true, "ab", 1, -1, 0, "failed:init:overloaded"},
    {"503", "403", 503, "a", true, "ab", 1, -1, 0, "failed:init:overloaded"},
    {"503", "416", 416, "-", true, "ab", 1, -1, 0, "failed:init:range_not_satisfiable"},
    {"503", "500", 503, "a", true, "ab", 1, 1, 0, "failed:init:overloaded"},
    {"503", "503", 503, "a", true, "ab", 1, 1, 0, "failed:init:overloaded"},
    {"503", "timeout", 503, "a", true, "ab", 1, 1, 0, "failed:init:overloaded"},
    {"503", "cut", 206, "-", false, "ababab", 1, 1, 2, "failed:later:upstream"},
    {"503", "archived", 503, "a", true, "ab", 1, -1, 0, "failed:init:overloaded"},
    {"timeout", "ok", 206, "-", true, "ab", 1, 0, 0, "success"},
    {"timeout", "404", 504, "a", true, "ab", 1, -1, 0, "failed:init:timeout"},
    {"timeout", "403", 504, "a", true, "ab", 1, -1, 0, "failed:init:timeout"},
    {"timeout", "416", 416, "-", true, "ab", 1, -1, 0, "failed:init:range_not_satisfiable"},
    {"timeout", "500", 504, "a", true, "ab", 1, 1, 0, "failed:init:timeout"},
    {"timeout", "503", 503, "b", true, "ab", 1, 1, 0, "failed:init:overloaded"},
    {"timeout", "timeout", 504, "a", true, "ab", 1, 1, 0, "failed:init:timeout"},
    {"timeout", "cut", 206, "-", false, "ababab", 1, 1, 2, "failed:later:upstream"},
    {"timeout", "archived", 504, "a", true, "ab", 1, -1, 0, "failed:init:timeout"},
    {"cut", "ok", 206, "-", true, "ab", 1, 0, 1, "success"},
    {"cut", "404", 206, "-", false, "ababa", 1, -1, 2, "failed:later:upstream"},
    {"cut", "403", 206, "-", false, "ababa", 1, -1, 2, "failed:later:upstream"},
    {"cut", "416", 206, "-", false, "ababa", 1, -1, 2, "failed:later:upstream"},
    {"cut", "500", 206, "-", false, "ababa", 1, 1, 2, "failed:later:upstream"},
    {"cut", "503", 206, "-", false, "ababa", 1, 1, 2, "failed:later:upstream"},
    {"cut", "timeout", 206, "-", false, "ababa", 1, 1, 2, "failed:later:upstream"},
    {"cut", "cut", 206, "-", false, "aba", 1, 1, 2, "failed:later:upstream"},
    {"cut", "archived", 206, "-", false, "ababa", 1, -1, 2, "failed:later:upstream"},
    {"archived", "ok", 206, "-", true, "ab", -1, 0, 0, "success"},
    {"archived", "404", 403, "a", true, "ab", -1, -1, 0, "failed:init:archived"},
    {"archived", "403", 403, "a", true, "ab", -1, -1, 0, "failed:init:archived"},
    {"archived", "416", 416, "-", true, "ab", -1, -1, 0, "failed:init:range_not_satisfiable"},
    {"archived", "500", 502, "b", true, "ab", -1, 1, 0, "failed:init:upstream"},
    {"archived", "503", 503, "b", true, "ab", -1, 1, 0, "failed:init:overloaded"},
    {"archived", "timeout", 504, "b", true, "ab", -1, 1, 0, "failed:init:timeout"},
    {"archived", "cut", 206, "-", false, "ababab", -1, 1, 2, "failed:later:upstream"},
    {"archived", "archived", 403, "a", true, "ab", -1, -1, 0, "failed:init:archived"},
};

TEST(Outcomes, OfTwoBuckets) {
  for (const Row& expected : kOutcomes) {
    World world(expected.a, expected.b);
    const Row row = world.fetch(expected);
    EXPECT_EQ(row, expected) << "is " << to_text(row);
  }
}

TEST(Outcomes, OfAClientThatLeavesBeforeTheHead) {
  World world("hang", "ok");
  RecordingWriter writer;
  EXPECT_EQ(world.leave(writer), "failed:init:client_gone");
  EXPECT_EQ(writer.status, 0u);
  EXPECT_TRUE(writer.aborted);
}

TEST(Outcomes, OfAClientThatLeavesInTheMiddleOfTheBody) {
  World world("stall", "ok");
  RecordingWriter writer;
  EXPECT_EQ(world.leave(writer), "failed:later:client_gone");
  EXPECT_EQ(writer.status, 206u);
  EXPECT_EQ(writer.text.size(), 100u);
  EXPECT_TRUE(writer.aborted);
}

TEST(Outcomes, OfAHitAreThereWithoutAWait) {
  World world("ok", "ok");
  RecordingWriter first;
  EXPECT_FALSE(world.answers_at_once(net::Method::kGet, first)) << "the page is not cached yet";
  for (const net::Method method : {net::Method::kGet, net::Method::kHead}) {
    RecordingWriter hit;
    EXPECT_TRUE(world.answers_at_once(method, hit));
    EXPECT_EQ(hit.status, 206u);
    EXPECT_TRUE(hit.finished);
    EXPECT_EQ(hit.text, method == net::Method::kGet ? first.text : "");
  }
}

/// A client that takes 300 bytes at a time. Its connection keeps the end for later.
class SlowReader final : public net::ResponseWriter {
 public:
  explicit SlowReader(RecordingWriter& writer) : writer_(writer) {}

  void start(const net::ResponseHead& head) override { writer_.start(head); }
  size_t offer(std::span<const iovec> body) override {
    if (std::exchange(is_full_, !is_full_)) return 0;
    const iovec part{body[0].iov_base, std::min<size_t>(body[0].iov_len, 300)};
    return writer_.offer(std::span(&part, 1));
  }
  rt::Task<bool> writable() override { return writer_.writable(); }
  rt::Task<bool> flush() override { return writer_.flush(); }
  rt::Task<bool> finish(std::span<const net::Field> trailers) override {
    return writer_.finish(trailers);
  }
  void abort() override { writer_.abort(); }

 private:
  RecordingWriter& writer_;
  bool is_full_ = false;
};

TEST(Outcomes, OfAHitAreTheSameForASlowReader) {
  World world("ok", "ok");
  RecordingWriter first;
  (void)world.answers_at_once(net::Method::kGet, first);
  for (const net::Method method : {net::Method::kGet, net::Method::kHead}) {
    RecordingWriter hit;
    SlowReader reader(hit);
    EXPECT_FALSE(world.answers_at_once(method, reader));
    EXPECT_EQ(hit.status, 206u);
    EXPECT_TRUE(hit.finished);
    EXPECT_EQ(hit.text, method == net::Method::kGet ? first.text : "");
  }
}

TEST(Outcomes, TheTableIsWhole) {
  std::set<std::pair<std::string, std::string>> pairs;
  std::set<std::string> outcomes;
  for (const Row& row : kOutcomes) {
    pairs.emplace(row.a, row.b);
    outcomes.insert(row.a);
  }
  EXPECT_EQ(outcomes.size(), 9u);
  EXPECT_EQ(pairs.size(), 81u);
}

}  // namespace
}  // namespace cachey::api
