#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/s3/testing/endpoint_world.h"
#include "rt/wakeup.h"

// Requests with a partNumber, over a cache with a fake store.

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using World = EndpointWorld;

constexpr uint64_t kBytes = World::kObjectBytes;
constexpr const char* kTag = "\"abc-3\"";

struct Said {
  unsigned status = 206;
  std::string lines{};
  std::optional<uint64_t> length{};
};

/// A store with the object of three parts, of 400, 400 and 200 bytes, unless `says` says other.
class PartStore final : public origin::Forwarder {
 public:
  std::function<Result<Said>(const origin::ForwardRequest&)> says;
  std::chrono::milliseconds delay{0};
  std::vector<std::string> asked{};  // partNumber

  static Said part(uint64_t number) {
    if (number < 1 || number > 3) return {416, "", 0};
    const ByteRange range{(number - 1) * 400, std::min(number * 400, kBytes)};
    return {206,
            fmt::format("ETag: {}\r\nContent-Range: bytes {}-{}/{}\r\nx-amz-mp-parts-count: 3\r\n",
                        kTag, range.begin, range.end - 1, kBytes),
            range.size()};
  }

  rt::Task<Result<std::unique_ptr<origin::ForwardAnswer>>> forward(
      rt::Worker& worker, origin::ForwardRequest request) override {
    EXPECT_EQ(request.bucket, "bkt");
    EXPECT_EQ(request.query.size(), 1u);
    EXPECT_EQ(request.query[0].name, "partNumber");
    EXPECT_EQ(request.fields.at(0).name, "if-match");
    asked.push_back((request.head ? "" : "GET ") + request.query[0].value);
    if (delay > 0ms) {
      const bool wanted = co_await rt::sleep(worker, delay, request.stop);
      if (!wanted) co_return fail(ErrorKind::kCancelled, "left");
    }
    Result<Said> said = says ? says(request) : part(std::stoul(request.query[0].value));
    if (!said) co_return std::unexpected(said.error());
    co_return std::make_unique<Answer>(std::move(*said));
  }

 private:
  class Answer final : public origin::ForwardAnswer {
   public:
    explicit Answer(Said said) : said_(std::move(said)) {}
    unsigned status() const override { return said_.status; }
    std::string_view lines() const override { return said_.lines; }
    std::optional<uint64_t> content_length() const override { return said_.length; }
    rt::Task<Result<size_t>> read(std::span<std::byte>) override { co_return 0; }

   private:
    const Said said_;
  };
};

class Parts : public ::testing::Test {
 protected:
  Parts() { put(kTag); }

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

  PartStore store_;
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
  EXPECT_EQ(store_.asked, (std::vector<std::string>{"1", "2", "3"}));
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
  EXPECT_EQ(store_.asked.size(), 1u);
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
  EXPECT_TRUE(store_.asked.empty());
}

TEST_F(Parts, OfAnEmptyObject) {
  put("\"empty\"", 0);
  for (const RecordingWriter& got : {get("1"), head("1")}) {
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text, "");
    EXPECT_FALSE(got.fields.contains("Content-Range"));
  }
  EXPECT_EQ(get("2").status, 416u);
  EXPECT_TRUE(store_.asked.empty());
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
  EXPECT_EQ(store_.asked.size(), 2u);
}

TEST_F(Parts, AStoreThatIgnoresNumbersSendsTheWholeObject) {
  store_.says = [](const origin::ForwardRequest&) {
    return Said{200, fmt::format("ETag: {}\r\n", kTag), kBytes};
  };
  for (const char* number : {"1", "2", "3"}) {
    RecordingWriter got = get(number);
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text.size(), kBytes);
    EXPECT_FALSE(got.fields.contains("x-amz-mp-parts-count"));
    EXPECT_EQ(head(number).status, 200u);
  }
  EXPECT_EQ(store_.asked.size(), 1u);
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
  EXPECT_TRUE(store_.asked.empty());
}

TEST_F(Parts, ConditionsComeFirst) {
  EXPECT_EQ(get("2", {{"if-none-match", kTag}}).status, 304u);
  EXPECT_EQ(get("2", {{"if-match", "\"x\""}}).status, 412u);
  EXPECT_TRUE(store_.asked.empty());
  EXPECT_EQ(get("2", {{"if-match", kTag}}).status, 206u);
}

TEST_F(Parts, OfAChangedObjectAreOfTheNewVersion) {
  EXPECT_EQ(get("1").status, 206u);
  put("\"new-3\"");
  store_.says = [](const origin::ForwardRequest& request) {
    Said said = PartStore::part(std::stoul(request.query[0].value));
    said.lines.replace(said.lines.find(kTag), 7, "\"new-3\"");
    return said;
  };
  RecordingWriter got = get("2");
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.fields["ETag"], "\"new-3\"");
  EXPECT_EQ(got.text.size(), 400u);
}

TEST_F(Parts, OfAVersionThatNeverSettlesAreSlowDown) {
  store_.says = [](const origin::ForwardRequest&) { return Said{206, "ETag: \"x-3\"\r\n", 9}; };
  EXPECT_EQ(get("2").status, 503u);
  EXPECT_LE(store_.asked.size(), 8u);
}

TEST_F(Parts, OfAStoreWhoseHeadsTellTagsOfPartsComeByTheHeadOfAGet) {
  store_.says = [](const origin::ForwardRequest& request) {
    if (request.head) return Said{200, "ETag: \"part\"\r\nx-amz-mp-parts-count: 3\r\n", 400};
    return Said{200, fmt::format("ETag: {}\r\n", kTag), kBytes};
  };
  EXPECT_EQ(get("2").text.size(), kBytes);
  RecordingWriter told = head("1");
  EXPECT_EQ(told.status, 200u);
  EXPECT_FALSE(told.fields.contains("x-amz-mp-parts-count"));
  EXPECT_EQ(store_.asked, (std::vector<std::string>{"2", "GET 2"}));
}

TEST_F(Parts, OfAStoreThatFailsAreItsFailure) {
  store_.says = [](const origin::ForwardRequest&) -> Result<Said> {
    return fail(ErrorKind::kUpstream, "down");
  };
  EXPECT_EQ(get("2").status, 500u);
  store_.says = [](const origin::ForwardRequest&) { return Said{403, "", 0}; };
  EXPECT_EQ(get("2").status, 403u);
}

TEST_F(Parts, OnlyIfCachedAsksNothing) {
  (void)world_->ask();
  EXPECT_EQ(get("2", {{"cache-control", "only-if-cached"}}).status, 504u);
  EXPECT_TRUE(store_.asked.empty());
  (void)get("2");
  EXPECT_EQ(get("2", {{"cache-control", "only-if-cached"}}).status, 206u);
}

TEST_F(Parts, OneQuestionForAllThatWait) {
  (void)world_->ask();
  store_.delay = 1s;
  const net::Request request(net::Method::kGet, "/bkt/o?partNumber=2", {});
  RecordingWriter writers[3];
  for (RecordingWriter& writer : writers) (void)world_->begin(request, writer);
  world_->pass(2s);
  for (const RecordingWriter& writer : writers) EXPECT_EQ(writer.text.size(), 400u);
  EXPECT_EQ(store_.asked.size(), 1u);
}

TEST_F(Parts, AnotherRequestAsksIfTheOneThatAskedLeaves) {
  (void)world_->ask();
  store_.delay = 1s;
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
  EXPECT_EQ(store_.asked.size(), 2u);
}

TEST_F(Parts, ARefusalIsNotThatOfAnOlderQuestion) {
  (void)world_->ask();
  store_.delay = 1s;
  const net::Request request(net::Method::kGet, "/bkt/o?partNumber=4", {});
  RecordingWriter writers[2];
  (void)world_->begin(request, writers[0]);
  world_->pass(500ms);
  (void)world_->begin(request, writers[1]);
  world_->pass(3s);
  EXPECT_EQ(writers[0].status, 416u);
  EXPECT_EQ(writers[1].status, 416u);
  EXPECT_EQ(store_.asked.size(), 2u);
}

}  // namespace
}  // namespace cachey::api::s3
