#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/s3/testing/endpoint_world.h"
#include "api/s3/testing/fake_forwarder.h"

// Parts of objects of a bucket for S3 clients over the replicas `eu` and `us`.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Said = FakeForwarder::Answer;

constexpr uint64_t kAliasBytes = EndpointWorld::kObjectBytes;

/// Each replica has the object in two parts of equal size.
class AliasParts : public ::testing::Test {
 protected:
  AliasParts() {
    put("eu", "\"one-2\"");
    put("us", "\"one-2\"");
    world_.forwarder().answer_by([this](const origin::ForwardRequest& request) {
      asked_.push_back(request.bucket);
      return says_[request.bucket](request);
    });
  }

  void put(const std::string& bucket, const std::string& tag) {
    world_.origin().put(bucket, "o", {.size = kAliasBytes, .seed = 1, .etag = tag});
    says_[bucket] = [tag](const origin::ForwardRequest& request) {
      const bool names = request.fields.empty() || request.fields.at(0).value == tag;
      if (!names) return Said{.status = 412, .lines = ""};
      const uint64_t begin = std::stoul(request.query.at(0).value) == 1 ? 0 : kAliasBytes / 2;
      return Said{.status = 206,
                  .body = request.head ? "" : std::string(kAliasBytes / 2, 'x'),
                  .lines = fmt::format(
                      "ETag: {}\r\nContent-Range: bytes {}-{}/{}\r\nx-amz-mp-parts-count: 2\r\n",
                      tag, begin, begin + kAliasBytes / 2 - 1, kAliasBytes),
                  .length = kAliasBytes / 2};
    };
  }
  void remove(const std::string& bucket) {
    world_.origin().behave(bucket, {.error = Error(ErrorKind::kNotFound, "x")});
    says_[bucket] = [](const auto&) { return Said{.status = 404, .lines = ""}; };
  }
  void kill(const std::string& bucket, ErrorKind kind) {
    world_.origin().behave(bucket, {.error = Error(kind, "x")});
    says_[bucket] = [kind](const auto&) { return Said{.error = Error(kind, "x")}; };
  }
  RecordingWriter get(std::string_view target) {
    RecordingWriter got = world_.ask({}, net::Method::kGet, target);
    world_.pass(100ms);
    return got;
  }

  EndpointWorld world_{"5", false, {}, {*DeclaredKind::parse("data=eu,us")}};
  std::map<std::string, std::function<Said(const origin::ForwardRequest&)>> says_;
  std::vector<std::string> asked_;
};

TEST_F(AliasParts, AReplicaWithTheSameTagTellsThePlaceIfTheKnownOneDoesNot) {
  ASSERT_EQ(get("/data/o").status, 200u);
  const std::function<void()> losses[] = {[this] { remove("eu"); },
                                          [this] { kill("eu", ErrorKind::kUpstream); },
                                          [this] { kill("eu", ErrorKind::kDenied); }};
  for (size_t i = 0; i < std::size(losses); ++i) {
    put("eu", fmt::format("\"loss{}-2\"", i));
    put("us", fmt::format("\"loss{}-2\"", i));
    world_.origin().behave("eu", {});
    world_.pass(10s);
    ASSERT_EQ(get("/data/o").status, 200u);
    losses[i]();
    for (const char* target : {"/data/o?partNumber=2", "/data/o?partNumber=1"}) {
      RecordingWriter got = get(target);
      EXPECT_EQ(got.status, 206u) << i << got.text;
      EXPECT_EQ(got.text.size(), kAliasBytes / 2);
      EXPECT_EQ(got.fields["ETag"], fmt::format("\"loss{}-2\"", i));
      EXPECT_EQ(got.fields["x-amz-mp-parts-count"], "2");
    }
  }
}

TEST_F(AliasParts, APartIsThatOfTheKnownTagOrPasses) {
  put("us", "\"other-2\"");
  ASSERT_EQ(get("/data/o").fields["ETag"], "\"one-2\"");
  remove("eu");
  RecordingWriter got = get("/data/o?partNumber=2");
  EXPECT_EQ(got.status, 206u) << got.text;
  EXPECT_EQ(got.fields["X-Cache"], "PASS");
  EXPECT_EQ(got.fields["ETag"], "\"other-2\"");
  EXPECT_LE(asked_.size(), 10u);
}

TEST_F(AliasParts, TheFailureOfTheKnownReplicaIsToldIfOthersHaveAnotherTag) {
  put("us", "\"other-2\"");
  ASSERT_EQ(get("/data/o").status, 200u);
  kill("eu", ErrorKind::kUpstream);
  EXPECT_EQ(get("/data/o?partNumber=2").status, 500u);
  EXPECT_THAT(asked_, ElementsAre("eu", "us", "us"));
}

}  // namespace
}  // namespace cachey::api::s3
