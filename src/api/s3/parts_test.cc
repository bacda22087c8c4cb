#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/testing/endpoint_world.h"
#include "api/s3/testing/fake_forwarder.h"

// Requests with a partNumber, over a cache with a fake store.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using World = EndpointWorld;

constexpr uint64_t kBytes = World::kObjectBytes;
constexpr const char* kTag = "\"abc-3\"";

using Said = FakeForwarder::Answer;

/// What the store says of a part of the object, which has three: of 400, 400 and 200 bytes.
Said part(uint64_t number, std::string_view tag = kTag) {
  if (number < 1 || number > 3) return {.status = 416, .lines = ""};
  const ByteRange range{(number - 1) * 400, std::min(number * 400, kBytes)};
  return {.status = 206,
          .lines = fmt::format(
              "ETag: {}\r\nContent-Range: bytes {}-{}/{}\r\nx-amz-mp-parts-count: 3\r\n", tag,
              range.begin, range.end - 1, kBytes),
          .length = range.size()};
}

/// The whole object, of whichever part.
Said whole() { return {.lines = fmt::format("ETag: {}\r\n", kTag), .length = kBytes}; }

uint64_t number_of(const origin::ForwardRequest& request) {
  return std::stoul(request.query.at(0).value);
}

class Parts : public ::testing::Test {
 protected:
  Parts() {
    put(kTag);
    says([](const origin::ForwardRequest& request) { return part(number_of(request)); });
  }

  void says(std::function<Said(const origin::ForwardRequest&)> choose) {
    store_.answer_by([this, choose = std::move(choose)](const origin::ForwardRequest& request) {
      Said said = choose(request);
      said.head_delay = delay_;
      return said;
    });
  }
  /// The numbers that the store was asked for; negative: by a GET.
  std::vector<int> asked() {
    std::vector<int> numbers;
    for (const origin::ForwardRequest& request : store_.asked()) {
      EXPECT_EQ(request.query.at(0).name, "partNumber");
      EXPECT_EQ(request.fields.at(0).name, "if-match");
      const int number = static_cast<int>(number_of(request));
      numbers.push_back(request.head ? number : -number);
    }
    return numbers;
  }

  void put(const char* tag, uint64_t size = kBytes) { world_->put({.size = size, .etag = tag}); }
  RecordingWriter get(const std::string& number, std::vector<net::Field> fields = {}) {
    return world_->ask(std::move(fields), net::Method::kGet, "/bkt/o?partNumber=" + number);
  }
  RecordingWriter head(const std::string& number) {
    return world_->ask({}, net::Method::kHead, "/bkt/o?partNumber=" + number);
  }
  void restart(const std::string& policy) {
    world_.emplace(policy, false, 0ms, std::vector<DeclaredKind>(), &store_);
    put(kTag);
  }

  FakeForwarder store_;
  std::chrono::nanoseconds delay_{};
  std::optional<World> world_{std::in_place, "5", false, 0ms, std::vector<DeclaredKind>(), &store_};
};

TEST_F(Parts, ComeFromTheObjectsPages) {
  const std::string whole = world_->ask().text;
  ASSERT_EQ(whole.size(), kBytes);
  (void)world_->asked();
  for (int turn = 0; turn < 2; ++turn) {
    std::string all;
    for (const char* number : {"1", "2", "3"}) {
      RecordingWriter told = head(number);
      RecordingWriter got = get(number);
      EXPECT_EQ(got.status, 206u) << got.text;
      EXPECT_EQ(got.fields["x-amz-mp-parts-count"], "3");
      EXPECT_EQ(got.fields["ETag"], kTag);
      EXPECT_EQ(got.fields["Content-Range"], fmt::format("bytes {}-{}/{}", all.size(),
                                                         all.size() + got.text.size() - 1, kBytes));
      EXPECT_EQ(told.status, 206u);
      EXPECT_EQ(told.text, "");
      for (const char* same : {"Content-Range", "x-amz-mp-parts-count", "ETag", "Last-Modified"})
        EXPECT_EQ(told.fields[same], got.fields[same]) << same;
      EXPECT_EQ(told.fields["X-Cache"], turn == 0 ? "REVALIDATED" : "HIT");
      EXPECT_EQ(got.fields["X-Cache"], "HIT");
      all += got.text;
    }
    EXPECT_EQ(all, whole);
  }
  EXPECT_EQ(world_->asked(), "");
  EXPECT_EQ(asked(), (std::vector<int>{1, 2, 3}));
  EXPECT_THAT(world_->metrics(),
              HasSubstr("cachey_s3api_part_questions_total{outcome=\"range\"} 3"));
  EXPECT_THAT(world_->metrics(), HasSubstr("cachey_s3api_parts_known 3"));
}

TEST_F(Parts, OfAnUnknownObjectCostAQuestionEachAndNoOtherBytes) {
  EXPECT_EQ(head("2").status, 206u);
  EXPECT_EQ(world_->asked(), "H");
  const RecordingWriter got = get("2");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.text.size(), 400u);
  EXPECT_EQ(world_->asked(), "G");
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(Parts, SayNothingOfTheWholeObject) {
  for (const char* before : {"", "GET", "HEAD"}) {
    restart("5");
    if (std::string_view(before) == "GET") (void)world_->ask();
    if (std::string_view(before) == "HEAD") (void)world_->ask({}, net::Method::kHead);
    (void)head("1");
    (void)get("2");
    RecordingWriter told = world_->ask({}, net::Method::kHead);
    EXPECT_EQ(told.status, 200u);
    EXPECT_FALSE(told.fields.contains("x-amz-mp-parts-count"));
    RecordingWriter got = world_->ask();
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text.size(), kBytes);
    EXPECT_FALSE(got.fields.contains("Content-Range"));
  }
}

TEST_F(Parts, OfAnObjectWithoutPartsNeedNoQuestion) {
  put("\"simple\"");
  RecordingWriter got = get("1");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.fields["Content-Range"], "bytes 0-999/1000");
  EXPECT_FALSE(got.fields.contains("x-amz-mp-parts-count"));
  EXPECT_EQ(got.text.size(), kBytes);
  (void)world_->asked();
  world_->pass(100ms);
  got = get("2");
  EXPECT_EQ(got.status, 416u);
  EXPECT_THAT(got.text, HasSubstr("<Code>InvalidPartNumber</Code>"));
  EXPECT_THAT(got.text, HasSubstr("<ActualPartCount>1</ActualPartCount>"));
  EXPECT_EQ(world_->asked(), "H") << "a refusal is the store's";
  EXPECT_TRUE(asked().empty());
}

TEST_F(Parts, OfAnEmptyObject) {
  put("\"empty\"", 0);
  for (const RecordingWriter& got : {get("1"), head("1")}) {
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text, "");
    EXPECT_FALSE(got.fields.contains("Content-Range"));
  }
  EXPECT_EQ(get("2").status, 416u);
  EXPECT_TRUE(asked().empty());
}

TEST_F(Parts, PastTheCountTheStoreSaysSo) {
  const RecordingWriter got = get("4");
  EXPECT_EQ(got.status, 416u);
  EXPECT_THAT(got.text, HasSubstr("<Code>InvalidPartNumber</Code>"));
  EXPECT_THAT(got.text, HasSubstr("<ActualPartCount>3</ActualPartCount>"));
  EXPECT_THAT(got.text, HasSubstr("<PartNumberRequested>4</PartNumberRequested>"));
  EXPECT_EQ(world_->asked(), "H");
  EXPECT_EQ(head("4").status, 416u);
  EXPECT_EQ(world_->asked(), "");
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(Parts, AStoreThatIgnoresNumbersSendsTheWholeObject) {
  says([](const auto&) { return whole(); });
  for (const char* number : {"1", "2", "3"}) {
    RecordingWriter got = get(number);
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text.size(), kBytes);
    EXPECT_FALSE(got.fields.contains("x-amz-mp-parts-count"));
    EXPECT_EQ(head(number).status, 200u);
  }
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(Parts, WithoutAForwarderObjectsHaveNone) {
  World world("5", false, {}, {}, nullptr);
  world.put({.size = kBytes, .etag = kTag});
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/o?partNumber=1").status, 206u);
  EXPECT_EQ(world.ask({}, net::Method::kGet, "/bkt/o?partNumber=2").status, 416u);
}

TEST_F(Parts, RefusesWhatS3Refuses) {
  for (const char* number : {"0", "-3", "10001", "", "x", "1.5"}) {
    const RecordingWriter got = get(number);
    EXPECT_EQ(got.status, 400u) << number;
    EXPECT_THAT(got.text, HasSubstr("<Code>InvalidArgument</Code>"));
    EXPECT_THAT(got.text, HasSubstr("<ArgumentName>partNumber</ArgumentName>"));
  }
  const RecordingWriter both = get("1", {{"range", "bytes=0-9"}});
  EXPECT_EQ(both.status, 400u);
  EXPECT_THAT(both.text, HasSubstr("<Code>InvalidRequest</Code>"));
  EXPECT_EQ(world_->asked(), "");
  EXPECT_TRUE(asked().empty());
}

TEST_F(Parts, ConditionsComeFirst) {
  EXPECT_EQ(get("2", {{"if-none-match", kTag}}).status, 304u);
  EXPECT_EQ(get("2", {{"if-match", "\"x\""}}).status, 412u);
  EXPECT_TRUE(asked().empty());
  EXPECT_EQ(get("2", {{"if-match", kTag}}).status, 206u);
}

TEST_F(Parts, OfAChangedObjectAreOfTheNewVersion) {
  EXPECT_EQ(get("1").status, 206u);
  put("\"new-3\"");
  says([](const origin::ForwardRequest& request) { return part(number_of(request), "\"new-3\""); });
  RecordingWriter got = get("2");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.fields["ETag"], "\"new-3\"");
  EXPECT_EQ(got.text.size(), 400u);
}

TEST_F(Parts, OfAVersionThatNeverSettlesAreTheStoresOwnAnswers) {
  says([](const auto&) { return part(2, "\"x-3\""); });
  RecordingWriter got = head("2");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.fields["X-Cache"], "PASS");
  EXPECT_EQ(got.fields["ETag"], "\"x-3\"");
  EXPECT_EQ(store_.asked().size(), 5u);
}

TEST_F(Parts, OfAStoreWhoseHeadsTellTagsOfPartsComeByTheHeadOfAGet) {
  says([](const origin::ForwardRequest& request) {
    if (!request.head) return whole();
    return Said{.lines = "ETag: \"part\"\r\nx-amz-mp-parts-count: 3\r\n", .length = 400};
  });
  EXPECT_EQ(get("2").text.size(), kBytes);
  RecordingWriter told = head("1");
  EXPECT_EQ(told.status, 200u);
  EXPECT_FALSE(told.fields.contains("x-amz-mp-parts-count"));
  EXPECT_EQ(asked(), (std::vector<int>{2, -2}));
}

TEST_F(Parts, OfAStoreThatFailsAreItsFailure) {
  says([](const auto&) { return Said{.error = Error(ErrorKind::kUpstream, "down")}; });
  EXPECT_EQ(get("2").status, 500u);
  says([](const auto&) { return Said{.status = 403, .lines = ""}; });
  EXPECT_EQ(get("2").status, 403u);
}

TEST_F(Parts, OnlyIfCachedAsksNothing) {
  (void)world_->ask();
  EXPECT_EQ(get("2", {{"cache-control", "only-if-cached"}}).status, 504u);
  EXPECT_TRUE(asked().empty());
  (void)get("2");
  EXPECT_EQ(get("2", {{"cache-control", "only-if-cached"}}).status, 206u);
}

TEST_F(Parts, OfAStoreThatTellsNoPlacesAreItsOwnAnswers) {
  says([](const origin::ForwardRequest& request) {
    return Said{.status = request.head ? 200u : 206u,
                .body = request.head ? "" : "part",
                .lines = fmt::format("ETag: {}\r\nx-amz-mp-parts-count: 3\r\n", kTag)};
  });
  RecordingWriter got = get("2");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.text, "part");
  EXPECT_EQ(got.fields["X-Cache"], "PASS");
  EXPECT_EQ(world_->asked(), "H") << "no page";
  EXPECT_EQ(get("2", {{"cache-control", "only-if-cached"}}).status, 504u);
}

TEST_F(Parts, OneQuestionForAllThatWait) {
  (void)world_->ask();
  delay_ = 1s;
  const net::Request request(net::Method::kGet, "/bkt/o?partNumber=2", {});
  RecordingWriter writers[3];
  for (RecordingWriter& writer : writers) (void)world_->begin(request, writer);
  world_->pass(2s);
  for (const RecordingWriter& writer : writers) EXPECT_EQ(writer.text.size(), 400u);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(Parts, AnotherRequestAsksIfTheOneThatAskedLeaves) {
  (void)world_->ask();
  delay_ = 1s;
  const net::Request request(net::Method::kGet, "/bkt/o?partNumber=2", {});
  RecordingWriter writers[3];
  for (RecordingWriter& writer : writers) (void)world_->begin(request, writer);
  world_->pass(500ms);
  writers[0].leave();
  writers[2].leave();
  world_->pass(2s);
  EXPECT_TRUE(writers[0].aborted);
  EXPECT_EQ(writers[1].text.size(), 400u);
  EXPECT_TRUE(writers[2].aborted);
  EXPECT_EQ(asked().size(), 2u);
}

TEST_F(Parts, ARefusalIsNotThatOfAnOlderQuestion) {
  (void)world_->ask();
  delay_ = 1s;
  const net::Request request(net::Method::kGet, "/bkt/o?partNumber=4", {});
  RecordingWriter writers[2];
  (void)world_->begin(request, writers[0]);
  world_->pass(500ms);
  (void)world_->begin(request, writers[1]);
  world_->pass(3s);
  EXPECT_EQ(writers[0].status, 416u);
  EXPECT_EQ(writers[1].status, 416u);
  EXPECT_EQ(asked().size(), 2u);
}

}  // namespace
}  // namespace cachey::api::s3
