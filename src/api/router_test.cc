#include "api/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "api/health.h"
#include "api/reply.h"
#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api {
namespace {

constexpr const char* kRouterToken = "0123456789abcdef";

/// Answers with the name of the handler.
class NamedHandler final : public RouteHandler {
 public:
  explicit NamedHandler(std::string name) : name_(std::move(name)) {}
  rt::Task<void> handle(rt::Worker&, const net::Request&, Permit,
                        net::ResponseWriter& writer) override {
    return reply_text(writer, net::ResponseHead(200), kPlainText, name_);
  }

 private:
  const std::string name_;
};

class RouterTest : public ::testing::Test {
 protected:
  RecordingWriter ask(Face face, std::string_view target, net::Method method = net::Method::kGet,
                      std::vector<net::Field> fields = {
                          {"authorization", "Bearer 0123456789abcdef"}}) {
    Router router(face, table_, access_);
    RecordingWriter writer;
    const net::Request request(method, target, std::move(fields));
    (void)virtual_.run(handle(router, request, writer));
    return writer;
  }

  Readiness readiness_;

 private:
  rt::Task<bool> handle(Router& router, const net::Request& request, net::ResponseWriter& writer) {
    co_await router.handle(virtual_.worker(), request, writer);
    co_return true;
  }

  rt::VirtualWorker virtual_;
  Metrics metrics_;
  Access access_{metrics_, *Tokens::parse(kRouterToken), {}};
  NamedHandler data_{"data"};
  NamedHandler admin_{"admin"};
  NamedHandler rest_{"rest"};
  NamedHandler objects_{"objects"};
  Health health_;
  const std::vector<Route> table_{
      {"/data/", Match::kPrefix, Face::kData, Scope::kClient, Methods::kGetAndHead, &data_},
      {"/admin", Match::kExact, Face::kAdmin, Scope::kClient, Methods::kGetAndHead, &admin_},
      {"/healthz", Match::kExact, Face::kBoth, Scope::kOpen, Methods::kGetAndHead, &health_},
      {"/readyz", Match::kExact, Face::kBoth, Scope::kOpen, Methods::kGetAndHead, &readiness_},
      {"/rest/", Match::kPrefix, Face::kBoth, Scope::kClient, Methods::kAny, &rest_},
      {"/-/healthz", Match::kExact, Face::kS3, Scope::kOpen, Methods::kGetAndHead, &health_},
      {"", Match::kPrefix, Face::kS3, Scope::kAnyone, Methods::kAny, &objects_},
  };
};

TEST_F(RouterTest, TheFirstRowThatMatchesAnswers) {
  EXPECT_EQ(ask(Face::kBoth, "/data/x").text, "data");
  EXPECT_EQ(ask(Face::kBoth, "/data/").text, "data");
  EXPECT_EQ(ask(Face::kBoth, "/data/x?query").text, "data");
  EXPECT_EQ(ask(Face::kBoth, "/admin?query").text, "admin");
  EXPECT_EQ(ask(Face::kBoth, "/rest/data/").text, "rest");
  for (const char* target : {"", "*", "/data", "/admin/", "/admi", "/healthz/"}) {
    const RecordingWriter none = ask(Face::kBoth, target);
    EXPECT_EQ(none.status, 404u) << target;
    EXPECT_EQ(none.text, "no such path\n") << target;
  }
}

TEST_F(RouterTest, TheRootSaysWhatThisIs) {
  const RecordingWriter root = ask(Face::kBoth, "/?a=b");
  EXPECT_EQ(root.status, 404u);
  EXPECT_THAT(root.text, ::testing::HasSubstr("/fetch/{kind}/{object}"));
  EXPECT_EQ(std::ranges::count(root.text, '\n'), 1);
}

TEST_F(RouterTest, CachesOnTheWayStoreNoText) {
  for (const char* target : {"/data/x", "/healthz", "/none"}) {
    EXPECT_EQ(ask(Face::kBoth, target).fields["Cache-Control"], "no-store") << target;
  }
}

TEST_F(RouterTest, AFaceHasItsOwnRowsOnly) {
  EXPECT_EQ(ask(Face::kData, "/data/x").text, "data");
  EXPECT_EQ(ask(Face::kData, "/admin").status, 404u);
  EXPECT_EQ(ask(Face::kAdmin, "/data/x").status, 404u);
  EXPECT_EQ(ask(Face::kAdmin, "/admin").text, "admin");
  for (const Face face : {Face::kData, Face::kAdmin, Face::kBoth}) {
    EXPECT_EQ(ask(face, "/healthz").text, "ok");
    EXPECT_EQ(ask(face, "/rest/x").text, "rest");
  }
}

TEST_F(RouterTest, ARefusedRequestLearnsNothingButThat) {
  for (const net::Method method : {net::Method::kGet, net::Method::kOther}) {
    const RecordingWriter refused = ask(Face::kBoth, "/data/x", method, {});
    EXPECT_EQ(refused.status, 401u);
    EXPECT_EQ(refused.fields.at("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(refused.text, "a valid bearer token is required\n");
  }
  EXPECT_EQ(ask(Face::kBoth, "/rest/x", net::Method::kOther, {}).status, 401u);
  EXPECT_EQ(ask(Face::kBoth, "/nothing", net::Method::kGet, {}).status, 404u);
  EXPECT_EQ(ask(Face::kBoth, "/healthz", net::Method::kGet, {}).status, 200u);
}

TEST_F(RouterTest, OtherMethodsAreForRoutesThatTakeThem) {
  const RecordingWriter refused = ask(Face::kBoth, "/data/x", net::Method::kOther);
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.fields.at("Allow"), "GET, HEAD");
  EXPECT_EQ(ask(Face::kBoth, "/data/x", net::Method::kHead).status, 200u);
  EXPECT_EQ(ask(Face::kBoth, "/rest/x", net::Method::kOther).text, "rest");
}

TEST_F(RouterTest, AShutdownIsSeenOnEveryFaceByReadinessAlone) {
  EXPECT_EQ(ask(Face::kData, "/readyz").text, "ok");
  readiness_.stop_being_ready();
  for (const Face face : {Face::kData, Face::kAdmin}) {
    const RecordingWriter ending = ask(face, "/readyz");
    EXPECT_EQ(ending.status, 503u);
    EXPECT_EQ(ending.text, "shutting down");
    EXPECT_EQ(ask(face, "/healthz").status, 200u);
  }
}

TEST_F(RouterTest, AllPathsOfTheS3EndpointAreItsOwn) {
  for (const char* target : {"/", "*", "/fetch/b/k", "/metrics", "/healthz", "/-/healthz/"}) {
    EXPECT_EQ(ask(Face::kS3, target, net::Method::kGet, {}).text, "objects") << target;
  }
  EXPECT_EQ(ask(Face::kS3, "/-/healthz").text, "ok");
  EXPECT_EQ(ask(Face::kS3, "/-/healthz", net::Method::kOther).text, "objects");
  EXPECT_EQ(ask(Face::kBoth, "/-/healthz").status, 404u);
}

}  // namespace
}  // namespace cachey::api
