#include "api/s3/pass_through.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/s3/bucket_list.h"
#include "api/s3/testing/pass_through_world.h"

namespace cachey::api::s3 {
namespace {

using ::testing::HasSubstr;

TEST(PassThrough, AListIsTheStores) {
  for (const bool tells_length : {true, false}) {
    PassThroughWorld world;
    const std::string body = list_of("bkt", 10'000);
    world.store.answer({.body = body, .tells_length = tells_length});
    const RecordingWriter got = world.ask("/bkt?list-type=2&prefix=&delimiter=");
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.text, body);
    EXPECT_EQ(got.length.has_value(), tells_length);
    EXPECT_TRUE(got.finished);
    EXPECT_EQ(got.fields.at("Content-Type"), "application/xml");
    EXPECT_EQ(got.fields.at("X-Cache"), "PASS");
    EXPECT_EQ(got.fields.at("x-amz-request-id"), "id-1");
    ASSERT_EQ(world.store.asked().size(), 1u);
    EXPECT_EQ(world.store.asked()[0].bucket, "bkt");
    EXPECT_EQ(world.store.asked()[0].query.size(), 3u);
    EXPECT_THAT(world.metrics(),
                HasSubstr("requests_total{operation=\"ListObjectsV2\",outcome=\"ok\"} 1"));
    EXPECT_THAT(world.metrics(), HasSubstr("cachey_s3api_cache_total{word=\"PASS\"} 1"));
    EXPECT_EQ(world.store.open(), 0);
  }
}

TEST(PassThrough, AnAliasHasItsOwnNameInAList) {
  for (const size_t read_bytes : {1u, 7u, 100'000u}) {
    PassThroughWorld world;
    world.store.answer({.body = list_of("bkt-eu", 10), .read_bytes = read_bytes});
    const RecordingWriter got = world.ask("/data?list-type=2", {"bkt-eu"});
    EXPECT_EQ(got.text, list_of("data", 10));
    EXPECT_EQ(got.length, got.text.size());
    EXPECT_TRUE(got.finished);
  }
}

TEST(PassThrough, ABodyThatBreaksOffBreaksTheClients) {
  for (const bool tells_length : {true, false}) {
    PassThroughWorld world;
    world.store.answer(
        {.body = list_of("bkt", 1000), .tells_length = tells_length, .cut_after = 5'000});
    const RecordingWriter got = world.ask("/bkt?list-type=2");
    EXPECT_EQ(got.status, 200u);
    EXPECT_TRUE(got.aborted);
    EXPECT_FALSE(got.finished);
    EXPECT_THAT(world.metrics(),
                HasSubstr("operation=\"ListObjectsV2\",outcome=\"broken_off\"} 1"));
  }
}

TEST(PassThrough, ABodyOfAnotherLengthBreaksOff) {
  for (const uint64_t length : {10'000u, 5u}) {
    PassThroughWorld world;
    world.store.answer({.body = std::string(1'000, 'x'), .length = length});
    const RecordingWriter got = world.ask("/bkt/k?versionId=v");
    EXPECT_TRUE(got.aborted);
    EXPECT_FALSE(got.finished);
    EXPECT_LE(got.text.size(), length);
  }
}

TEST(PassThrough, AnswersThatAreNoSuchDocumentAreNotImplemented) {
  for (const char* target : {"/bkt/k?attributes", "/bkt/k?acl", "/bkt/k?tagging", "/bkt?versions",
                             "/bkt?versioning", "/bkt?list-type=2", "/"}) {
    for (const std::string& body : {std::string("the object's bytes"), std::string(100'000, ' '),
                                    std::string(), std::string("<Error/>")}) {
      PassThroughWorld world;
      world.store.answer({.body = body});
      const RecordingWriter got = world.ask(target);
      EXPECT_EQ(got.status, 501u) << target;
      EXPECT_THAT(got.text, HasSubstr("<Code>NotImplemented</Code>"));
    }
  }
}

TEST(PassThrough, DocumentsOfSubresourcesPass) {
  const std::pair<const char*, const char*> cases[] = {
      {"/bkt/k?attributes", "<GetObjectAttributesResponse/>"},
      {"/bkt/k?acl", "<AccessControlPolicy xmlns=\"x\"/>"},
      {"/bkt/k?tagging", "<Tagging><TagSet/></Tagging>"},
      {"/bkt?versions", "<ListVersionsResult><Name>bkt</Name></ListVersionsResult>"},
      {"/bkt?versioning", "<VersioningConfiguration/>"}};
  for (const auto& [target, body] : cases) {
    PassThroughWorld world;
    world.store.answer({.body = body});
    const RecordingWriter got = world.ask(target);
    EXPECT_EQ(got.status, 200u) << target;
    EXPECT_EQ(got.text, body);
  }
}

TEST(PassThrough, HeadBucketTellsOurRegion) {
  PassThroughWorld world;
  world.store.answer({.lines = "x-amz-bucket-region: us-west-2\r\nContent-Type: a\r\n"});
  const RecordingWriter got = world.ask("/bkt", {"bkt"}, net::Method::kHead);
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.fields.at("x-amz-bucket-region"), "eu-west-7");
  EXPECT_FALSE(got.lines.contains("us-west-2"));
  EXPECT_EQ(got.length, 0u);
  EXPECT_TRUE(world.store.asked()[0].head);
}

TEST(PassThrough, AnObjectPassesWithItsFields) {
  PassThroughWorld world;
  world.store.answer({.status = 206,
                      .body = "bytes",
                      .lines = "ETag: e\r\nContent-Range: bytes 0-4/9\r\nx-amz-version-id: v\r\n"
                               "x-amz-checksum-crc32: c\r\n"});
  const RecordingWriter got =
      world.ask("/bkt/k?versionId=v", {"bkt"}, net::Method::kGet, {{"range", "bytes=0-4"}});
  EXPECT_EQ(got.status, 206u);
  EXPECT_EQ(got.text, "bytes");
  EXPECT_EQ(got.lines, "ETag: \"e\"\r\nContent-Range: bytes 0-4/9\r\nx-amz-version-id: v\r\n");
  EXPECT_EQ(world.store.asked()[0].key, "k");
  EXPECT_EQ(world.store.asked()[0].fields.size(), 1u);
}

TEST(PassThrough, HeadHasTheLengthAndNoBody) {
  PassThroughWorld world;
  world.store.answer({.lines = "ETag: \"e\"\r\n", .length = 12'345});
  const RecordingWriter got = world.ask("/bkt/k?versionId=v", {"bkt"}, net::Method::kHead);
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.length, 12'345u);
  EXPECT_EQ(got.text, "");
  EXPECT_TRUE(got.finished);
}

TEST(PassThrough, NotModifiedHasNoBody) {
  PassThroughWorld world;
  world.store.answer({.status = 304, .lines = "ETag: \"e\"\r\n"});
  const RecordingWriter got = world.ask("/bkt/k?versionId=v");
  EXPECT_EQ(got.status, 304u);
  EXPECT_TRUE(got.finished);
  EXPECT_THAT(world.metrics(), HasSubstr("operation=\"GetObject\",outcome=\"not_modified\"} 1"));
}

TEST(PassThrough, NotModifiedHasTheTagThatTheStoreLeavesOut) {
  PassThroughWorld world;
  const auto tag = [&] {
    RecordingWriter got =
        world.ask("/bkt/k?versionId=v", {"bkt"}, net::Method::kGet, {{"if-none-match", "\"t\""}});
    return got.fields["ETag"];
  };
  world.store.answer({.status = 304, .lines = "x-amz-meta-a: b\r\n"});
  EXPECT_EQ(tag(), "\"t\"");
  world.store.answer({.status = 304, .lines = "ETag: \"e\"\r\n"});
  EXPECT_EQ(tag(), "\"e\"");
}

TEST(PassThrough, ARefusalIsTheStoresInOurDocument) {
  PassThroughWorld world;
  world.store.answer({.status = 404,
                      .body =
                          "<Error><Code>NoSuchTagSet</Code><Message>There is no tag set</Message>"
                          "<BucketName>bkt-eu</BucketName><ArgumentName>a</ArgumentName>"
                          "<RequestId>theirs</RequestId><HostId>host</HostId></Error>",
                      .lines = "Content-Type: application/xml\r\nx-amz-delete-marker: true\r\n"});
  const RecordingWriter got = world.ask("/data/k?tagging", {"bkt-eu"});
  EXPECT_EQ(got.status, 404u);
  for (const char* part : {"<Code>NoSuchTagSet</Code>", "<Message>There is no tag set</Message>",
                           "<BucketName>data</BucketName>", "<Key>k</Key>",
                           "<RequestId>id-1</RequestId>", "<ArgumentName>a</ArgumentName>"})
    EXPECT_THAT(got.text, HasSubstr(part));
  EXPECT_FALSE(got.text.contains("theirs") || got.text.contains("bkt-eu"));
  EXPECT_EQ(got.lines, "x-amz-delete-marker: true\r\n");
  EXPECT_FALSE(got.fields.contains("X-Cache"));
  EXPECT_THAT(world.metrics(),
              HasSubstr("operation=\"GetObjectTagging\",outcome=\"NoSuchKey\"} 1"));
}

TEST(PassThrough, ARefusalWithoutADocumentHasTheCodeOfItsStatus) {
  const std::pair<unsigned, const char*> cases[] = {
      {400, "InvalidRequest"},   {403, "AccessDenied"},   {404, "NoSuchBucket"},
      {405, "MethodNotAllowed"}, {501, "NotImplemented"}, {418, "InvalidRequest"}};
  for (const auto& [status, code] : cases) {
    for (const std::string& body : {std::string("no document"), std::string(200'000, 'x')}) {
      PassThroughWorld world;
      world.store.answer({.status = status, .body = body});
      const RecordingWriter got = world.ask("/bkt?list-type=2");
      EXPECT_EQ(got.status, status);
      EXPECT_THAT(got.text, HasSubstr("<Code>" + std::string(code) + "</Code>"));
    }
  }
}

TEST(PassThrough, TheSizeOfARefusedRange) {
  PassThroughWorld world;
  world.store.answer({.status = 416, .lines = "Content-Range: bytes */77\r\n"});
  const RecordingWriter got = world.ask("/bkt/k?versionId=v");
  EXPECT_EQ(got.fields.at("Content-Range"), "bytes */77");
  EXPECT_THAT(got.text, HasSubstr("<ActualObjectSize>77</ActualObjectSize>"));
}

TEST(PassThrough, FailuresOfTheStoreAreRetriable) {
  const std::pair<ErrorKind, unsigned> cases[] = {{ErrorKind::kTimeout, 500},
                                                  {ErrorKind::kUpstream, 500},
                                                  {ErrorKind::kThrottled, 503},
                                                  {ErrorKind::kDenied, 403}};
  for (const auto& [kind, status] : cases) {
    PassThroughWorld world;
    world.store.answer({.error = Error(kind, "x")});
    EXPECT_EQ(world.ask("/bkt?list-type=2").status, status);
  }
  PassThroughWorld world;
  world.store.answer({.status = 204});
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 500u);
}

TEST(PassThrough, TheNextReplicaAnswersIfTheFirstFails) {
  PassThroughWorld world;
  world.store.answer_by([](const origin::ForwardRequest& request) -> FakeForwarder::Answer {
    if (request.bucket == "eu") return {.error = Error(ErrorKind::kTimeout, "silent")};
    return {.body = list_of("us", 1)};
  });
  const RecordingWriter got = world.ask("/data?list-type=2", {"eu", "us"});
  EXPECT_EQ(got.text, list_of("data", 1));
  world.store.answer({.error = Error(ErrorKind::kDenied, "no")});
  EXPECT_EQ(world.ask("/data?list-type=2", {"eu", "us"}).status, 403u);
  EXPECT_EQ(world.store.asked().size(), 3u);
}

TEST(PassThrough, AReplicaWithoutTheObjectIsLeftForTheNext) {
  PassThroughWorld world;
  std::map<std::string, FakeForwarder::Answer> says;
  world.store.answer_by([&](const auto& request) { return says[request.bucket]; });
  const auto refusal = [](unsigned status, std::string code) {
    return FakeForwarder::Answer{.status = status,
                                 .body = "<Error><Code>" + code + "</Code></Error>"};
  };
  const FakeForwarder::Answer object{.body = "bytes"};
  const FakeForwarder::Answer dead{.error = Error(ErrorKind::kUpstream, "down")};
  const FakeForwarder::Answer missing = refusal(404, "NoSuchKey");
  const FakeForwarder::Answer denied = refusal(403, "AccessDenied");
  const auto status = [&](const FakeForwarder::Answer& eu, const FakeForwarder::Answer& us,
                          const char* target = "/data/o?versionId=1") {
    says = {{"eu", eu}, {"us", us}};
    return world.ask(target, {"eu", "us"}).status;
  };
  EXPECT_EQ(status(missing, object), 200u);
  EXPECT_EQ(status(denied, object), 200u);
  EXPECT_EQ(status(dead, object), 200u);
  EXPECT_EQ(status(missing, missing), 404u);
  EXPECT_EQ(status(denied, missing), 403u);
  EXPECT_EQ(status(missing, dead), 500u) << "the other one may have the object";
  EXPECT_EQ(status(dead, missing), 500u);
  EXPECT_EQ(status(refusal(412, "PreconditionFailed"), object), 412u);
  EXPECT_EQ(status(missing, object, "/data?list-type=2"), 404u) << "no question about an object";
  EXPECT_EQ(world.store.open(), 0);
}

TEST(PassThrough, TheListOfBucketsIsCutToWhatTheClientSees) {
  PassThroughWorld world({.region = "r", .aliases = {{"data", {"bkt"}}, {"secret", {"bkt"}}}});
  world.store.answer({.body = "<ListAllMyBucketsResult><Owner><ID>o</ID></Owner><Buckets>"
                              "<Bucket><Name>bkt</Name><CreationDate>d</CreationDate></Bucket>"
                              "<Bucket><Name>secret</Name></Bucket></Buckets>"
                              "</ListAllMyBucketsResult>"});
  const RecordingWriter got = world.ask("/");
  EXPECT_EQ(got.status, 200u);
  EXPECT_THAT(got.text, HasSubstr("<Buckets><Bucket><Name>bkt</Name><CreationDate>d</CreationDate>"
                                  "</Bucket><Bucket><Name>data</Name><CreationDate>d"
                                  "</CreationDate></Bucket></Buckets>"));
  EXPECT_FALSE(got.text.contains("secret"));
  EXPECT_EQ(got.length, got.text.size());
  EXPECT_TRUE(got.finished);
  EXPECT_FALSE(world.ask("/?prefix=x").text.contains("data"));
  EXPECT_FALSE(world.ask("/?continuation-token=x").text.contains("data"));
}

TEST(PassThrough, ATooLongListOfBucketsIsAFailure) {
  PassThroughWorld world;
  world.store.answer({.body = "<ListAllMyBucketsResult>" + std::string(kBucketListBytesMax, ' '),
                      .read_bytes = 1'000'000});
  EXPECT_EQ(world.ask("/").status, 500u);
}

TEST(PassThrough, WithoutSuchAStoreNothingIsImplemented) {
  PassThroughWorld world({}, false);
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 501u);
}

}  // namespace
}  // namespace cachey::api::s3
