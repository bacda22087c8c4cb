#include "api/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "api/reply.h"
#include "api/request_id.h"
#include "api/testing/recording_writer.h"

namespace cachey::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kTraced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class FakeHandler final : public net::Handler {
 public:
  rt::Task<void> handle(rt::Worker&, const net::Request& request,
                        net::ResponseWriter& writer) override {
    seen_id = request.id();
    if (request.target() == "/throw") throw std::runtime_error("no");
    seen_trace = trace_id_of(request.trace());
    if (request.target() == "/refused") {
      co_await reply_error(writer, Error(ErrorKind::kTimeout, "late"));
      co_return;
    }
    if (request.target() == "/fetch/k/o" && request.notes() != nullptr) {
      request.notes()->reads_object = true;
      request.notes()->bucket = "b";
      request.notes()->tier = "disk";
      request.notes()->token = "reports";
    }
    if (request.target() == "/left" && writer.client_left().stop_requested()) co_return;
    if (request.target() == "/noted" && request.notes() != nullptr) {
      request.notes()->operation = "GetObject";
      request.notes()->bucket = "b";
    }
    net::ResponseHead head(206);
    if (request.target() == "/hit") head.set_cache_status(net::CacheStatus::kHit);
    if (request.target() == "/miss") head.set_cache_status(net::CacheStatus::kMiss);
    co_await reply_text(writer, std::move(head), "text/plain", "0123456789");
  }
  std::string seen_id;
  std::string seen_trace;
};

class AccessLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "access_log_XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void ask(AccessLog& log, net::Method method, std::string_view target,
           std::vector<net::Field> fields = {}) {
    net::Request request(method, target, std::move(fields));
    request.set_connection(*net::parse_ip_address("10.1.2.3"), net::Protocol::kHttp2, peer_);
    rt::asio::co_spawn(worker_.io(), log.handle(worker_, request, writer_), rt::asio::detached);
    worker_.io().restart();
    worker_.io().poll();
  }
  std::vector<std::string> lines(AccessLog& log) {
    log.flush();
    std::ifstream file(path());
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  [[nodiscard]] std::string path() const { return directory_ + "/access.log"; }

  std::string directory_;
  SystemClock clock_;
  SystemRandom random_;
  rt::Worker worker_{0, clock_};
  net::IpAddress peer_ = *net::parse_ip_address("10.1.2.3");
  FakeHandler handler_;
  RecordingWriter writer_;
};

TEST_F(AccessLogTest, WithoutALogOnlyTheClientsNameIsUsed) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ask(log, net::Method::kGet, "/hit");
  EXPECT_EQ(handler_.seen_id, "");
  EXPECT_FALSE(writer_.fields.contains("X-Request-Id"));
  ask(log, net::Method::kGet, "/hit", {{"x-request-id", "mine"}});
  EXPECT_EQ(handler_.seen_id, "mine");
  EXPECT_EQ(writer_.fields["X-Request-Id"], "mine");
}

TEST_F(AccessLogTest, TheProxyThatBroughtARequestIsNamedBesideTheClient) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/hit");
  peer_ = *net::parse_ip_address("2001:db8::1");
  ask(log, net::Method::kGet, "/hit");
  EXPECT_THAT(lines(log), ElementsAre(HasSubstr(" client=10.1.2.3 method=GET "),
                                      HasSubstr(" client=10.1.2.3 peer=2001:db8::1 method=GET ")));
}

TEST_F(AccessLogTest, NamesThatAreNotVisibleAsciiAreNotTaken) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("\xc3\xbc"), std::string(129, 'x')}) {
    ask(log, net::Method::kGet, "/hit", {{"x-request-id", name}});
    EXPECT_THAT(handler_.seen_id, MatchesRegex("[0-9a-f]{16}")) << name;
    EXPECT_EQ(writer_.fields["X-Request-Id"], handler_.seen_id);
  }
  ask(log, net::Method::kGet, "/hit", {{"x-request-id", std::string(128, 'x')}});
  EXPECT_EQ(handler_.seen_id, std::string(128, 'x'));
}

TEST_F(AccessLogTest, ALineHasItsKeysInTheirOrder) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/hit", {{"x-request-id", "id-1"}, {"user-agent", "curl/8"}});
  ask(log, net::Method::kHead, "/miss", {{"x-request-id", "id-2"}});
  ask(log, net::Method::kGet, "/throw", {{"x-request-id", "id-3"}});
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all[0], MatchesRegex("[0-9T:.-]+Z client=10.1.2.3 method=GET target=/hit status=206 "
                                   "bytes=10 duration_ms=[0-9.]+ first_byte_ms=[0-9.]+ hit=1 "
                                   "request_id=id-1 protocol=h2 complete=true user_agent=curl/8"));
  EXPECT_THAT(all[1], MatchesRegex(".*method=HEAD target=/miss status=206 bytes=0 "
                                   "duration_ms=[0-9.]+ first_byte_ms=- hit=0 request_id=id-2 "
                                   "protocol=h2 complete=true user_agent=-"));
  EXPECT_THAT(all[2], HasSubstr("status=0 bytes=0"));
  EXPECT_THAT(all[2], HasSubstr("complete=false"));
}

TEST_F(AccessLogTest, ARequestForAnObjectHasMoreKeys) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/fetch/k/o", {{"range", "bytes=0-9"}, {"traceparent", kTraced}});
  ask(log, net::Method::kGet, "/refused");
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(
      all[0].ends_with("user_agent=- bucket=b range=\"bytes=0-9\" tier=disk token=reports "
                       "trace_id=4bf92f3577b34da6a3ce929d0e0e4736"))
      << all[0];
  EXPECT_TRUE(all[1].ends_with("user_agent=- error=timeout")) << all[1];
}

TEST_F(AccessLogTest, ATraceIsTakenWithAndWithoutTheLog) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ask(log, net::Method::kGet, "/hit", {{"traceparent", kTraced}});
  EXPECT_EQ(handler_.seen_trace, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(handler_.seen_id, "");
  EXPECT_FALSE(writer_.fields.contains("X-Request-Id"));
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/hit", {{"traceparent", kTraced}});
  EXPECT_EQ(handler_.seen_trace, "4bf92f3577b34da6a3ce929d0e0e4736");
  ask(log, net::Method::kGet, "/hit", {{"traceparent", kTraced}, {"traceparent", kTraced}});
  EXPECT_EQ(handler_.seen_trace, "") << "which of two counts is anybody's guess";
  ask(log, net::Method::kGet, "/hit", {{"traceparent", "00-0-0-01"}});
  EXPECT_EQ(handler_.seen_trace, "");
}

TEST_F(AccessLogTest, GoodAnswersToProbesCanBeLeftOut) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/healthz");
  log.leave_probes_out();
  for (const char* target : {"/healthz", "/readyz?x", "/metrics", "/stats", "/ui", "/ui/data"})
    ask(log, net::Method::kGet, target);
  EXPECT_EQ(lines(log).size(), 1u);
  ask(log, net::Method::kGet, "/healthz/more");
  EXPECT_EQ(lines(log).size(), 2u);
}

TEST_F(AccessLogTest, AClientThatLeftHasAStatusOfItsOwn) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/left");
  writer_.leave();
  ask(log, net::Method::kGet, "/left");
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0], HasSubstr(" status=206 "));
  EXPECT_THAT(all[1], HasSubstr(" status=499 bytes=0 "));
  EXPECT_THAT(all[1], HasSubstr("complete=false"));
}

TEST_F(AccessLogTest, ItsTimesAreTheClocks) {
  ManualClock clock;
  clock.set_unix_seconds(1'769'903'999);
  AccessLog log(handler_, LogFormat::kText, clock, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/hit");
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].starts_with("2026-01-31T23:59:59.000Z ")) << all[0];
  EXPECT_THAT(all[0], HasSubstr(" duration_ms=0 first_byte_ms=0 "));
}

TEST_F(AccessLogTest, AHostileTargetIsCutAndEscaped) {
  AccessLog log(handler_, LogFormat::kJson, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kOther, "/a\"}\n" + std::string(10'000, '\x80'),
      {{"user-agent", "x\r\nforged"}, {"authorization", "secret"}});
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 1u);
  const auto json = nlohmann::json::parse(all[0]);
  EXPECT_EQ(json["method"], "OTHER");
  EXPECT_TRUE(std::string(json["target"]).starts_with("/a\\\"}\\x0a\\x80"));
  EXPECT_EQ(json["user_agent"], "x\\x0d\\x0aforged");
  EXPECT_LE(all[0].size(), LogLine::kBytesMax);
  EXPECT_EQ(all[0].find("secret"), std::string::npos);
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsAnErrorThatNamesIt) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  const Result<void> started = log.start(directory_ + "/no/such");
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("/no/such"));
}

TEST_F(AccessLogTest, TellsWhatAHandlerNotes) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/noted", {{"range", "bytes=0-1"}});
  ask(log, net::Method::kGet, "/hit");
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0], HasSubstr(" operation=GetObject bucket=b range=\"bytes=0-1\" cache=- key=-"));
  EXPECT_EQ(all[1].find("operation"), std::string::npos);
}

TEST_F(AccessLogTest, ShowsNoSignature) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  ask(log, net::Method::kGet, "/b/k?X-Amz-Signature=hush&x=1");
  const std::vector<std::string> all = lines(log);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all[0], HasSubstr("target=\"/b/k?X-Amz-Signature=***&x=1\""));
  EXPECT_EQ(all[0].find("hush"), std::string::npos);
}

TEST_F(AccessLogTest, TwoServersShareAFile) {
  AccessLog log(handler_, LogFormat::kText, clock_, random_);
  ASSERT_TRUE(log.start(path()));
  AccessLog other(handler_, LogFormat::kText, clock_, random_);
  other.share_file(log);
  ask(other, net::Method::kGet, "/other");
  ask(log, net::Method::kGet, "/first");
  EXPECT_EQ(lines(log).size(), 2u);
}

}  // namespace
}  // namespace cachey::api
