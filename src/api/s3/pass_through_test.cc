#include "api/s3/pass_through.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/s3/bucket_list.h"
#include "api/s3/testing/fake_forwarder.h"
#include "api/testing/recording_writer.h"
#include "rt/testing/virtual_worker.h"

namespace cachey::api::s3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A client that takes a byte each time it is asked, or none for ever.
class SlowWriter final : public net::ResponseWriter {
 public:
  SlowWriter(rt::Worker& worker, std::chrono::nanoseconds pause) : worker_(worker), pause_(pause) {}
  void start(const net::ResponseHead&) override {}
  size_t offer(std::span<const iovec>) override { return std::exchange(ready_, false) ? 1 : 0; }
  rt::Task<bool> writable() override {
    co_await worker_.timers().sleep(pause_);
    ready_ = true;
    co_return !aborted;
  }
  rt::Task<bool> flush() override { co_return true; }
  rt::Task<bool> finish(std::span<const net::Field>) override { co_return true; }
  void abort() override { aborted = true; }

  bool aborted = false;

 private:
  rt::Worker& worker_;
  const std::chrono::nanoseconds pause_;
  bool ready_ = false;
};

class World {
 public:
  explicit World(PassThroughConfig config = {.region = "eu-west-7"}, bool has_store = true)
      : passing_(std::move(config), has_store ? &store : nullptr, endpoint_metrics_, egress_,
                 virtual_.clock(), metrics_) {}

  RecordingWriter ask(std::string_view target, std::vector<std::string> buckets = {"bkt"},
                      net::Method method = net::Method::kGet, std::vector<net::Field> fields = {}) {
    RecordingWriter writer;
    const net::Request request(method, target, std::move(fields));
    (void)virtual_.run(handle(request, writer, std::move(buckets)));
    return writer;
  }
  std::shared_ptr<std::optional<bool>> begin(const net::Request& request,
                                             net::ResponseWriter& writer) {
    return virtual_.start(handle(request, writer, {"bkt"}));
  }
  [[nodiscard]] rt::Worker& worker() { return virtual_.worker(); }
  [[nodiscard]] std::string metrics() { return metrics_.text(); }
  void pass(std::chrono::nanoseconds time) { virtual_.pass(time); }

  FakeForwarder store;

 private:
  rt::Task<bool> handle(const net::Request& request, net::ResponseWriter& writer,
                        std::vector<std::string> buckets) {
    const Target target = *parse_target(request, VirtualHosts());
    PassQuestion question = *ask_store(target, request);
    if (target.operation != Operation::kListBuckets) question.buckets = std::move(buckets);
    question.request_id = "id-1";
    PassThrough::Sees sees = [](std::string_view bucket) { return bucket != "secret"; };
    co_await passing_.answer(virtual_.worker(), request, writer, std::move(question),
                             std::move(sees));
    co_return true;
  }

  rt::VirtualWorker virtual_;
  Metrics metrics_;
  EndpointMetrics endpoint_metrics_{metrics_};
  Throughput egress_{metrics_.counter("egress", "")};
  PassThrough passing_;
};

std::string list_of(std::string_view name, size_t keys) {
  std::string text = "<?xml version=\"1.0\"?><ListBucketResult><Name>";
  text.append(name).append("</Name><Prefix></Prefix>");
  for (size_t i = 0; i < keys; ++i)
    text += "<Contents><Key>" + std::to_string(i) + "</Key></Contents>";
  return text + "</ListBucketResult>";
}

TEST(PassThrough, AListIsTheStores) {
  for (const bool tells_length : {true, false}) {
    World world;
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
    World world;
    world.store.answer({.body = list_of("bkt-eu", 10), .read_bytes = read_bytes});
    const RecordingWriter got = world.ask("/data?list-type=2", {"bkt-eu"});
    EXPECT_EQ(got.text, list_of("data", 10));
    EXPECT_EQ(got.length, got.text.size());
    EXPECT_TRUE(got.finished);
  }
}

TEST(PassThrough, ABodyThatBreaksOffBreaksTheClients) {
  for (const bool tells_length : {true, false}) {
    World world;
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
    World world;
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
      World world;
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
    World world;
    world.store.answer({.body = body});
    const RecordingWriter got = world.ask(target);
    EXPECT_EQ(got.status, 200u) << target;
    EXPECT_EQ(got.text, body);
  }
}

TEST(PassThrough, HeadBucketTellsOurRegion) {
  World world;
  world.store.answer({.lines = "x-amz-bucket-region: us-west-2\r\nContent-Type: a\r\n"});
  const RecordingWriter got = world.ask("/bkt", {"bkt"}, net::Method::kHead);
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.fields.at("x-amz-bucket-region"), "eu-west-7");
  EXPECT_FALSE(got.lines.contains("us-west-2"));
  EXPECT_EQ(got.length, 0u);
  EXPECT_TRUE(world.store.asked()[0].head);
}

TEST(PassThrough, AnObjectPassesWithItsFields) {
  World world;
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
  World world;
  world.store.answer({.lines = "ETag: \"e\"\r\n", .length = 12'345});
  const RecordingWriter got = world.ask("/bkt/k?versionId=v", {"bkt"}, net::Method::kHead);
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.length, 12'345u);
  EXPECT_EQ(got.text, "");
  EXPECT_TRUE(got.finished);
}

TEST(PassThrough, NotModifiedHasNoBody) {
  World world;
  world.store.answer({.status = 304, .lines = "ETag: \"e\"\r\n"});
  const RecordingWriter got = world.ask("/bkt/k?versionId=v");
  EXPECT_EQ(got.status, 304u);
  EXPECT_TRUE(got.finished);
  EXPECT_THAT(world.metrics(), HasSubstr("operation=\"GetObject\",outcome=\"not_modified\"} 1"));
}

TEST(PassThrough, NotModifiedHasTheTagThatTheStoreLeavesOut) {
  World world;
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
  World world;
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
      World world;
      world.store.answer({.status = status, .body = body});
      const RecordingWriter got = world.ask("/bkt?list-type=2");
      EXPECT_EQ(got.status, status);
      EXPECT_THAT(got.text, HasSubstr("<Code>" + std::string(code) + "</Code>"));
    }
  }
}

TEST(PassThrough, TheSizeOfARefusedRange) {
  World world;
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
    World world;
    world.store.answer({.error = Error(kind, "x")});
    EXPECT_EQ(world.ask("/bkt?list-type=2").status, status);
  }
  World world;
  world.store.answer({.status = 204});
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 500u);
}

TEST(PassThrough, TheNextReplicaAnswersIfTheFirstFails) {
  World world;
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
  World world;
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
  World world({.region = "r", .aliases = {{"data", {"bkt"}}, {"secret", {"bkt"}}}});
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
  World world;
  world.store.answer({.body = "<ListAllMyBucketsResult>" + std::string(kBucketListBytesMax, ' '),
                      .read_bytes = 1'000'000});
  EXPECT_EQ(world.ask("/").status, 500u);
}

TEST(PassThrough, PastThePlacesItIsSlowDown) {
  World world({.limits = {.at_once = 2, .waiting = 0}});
  world.store.answer({.body = list_of("bkt", 1), .head_delay = 1s});
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  RecordingWriter first;
  const auto ended = world.begin(request, first);
  const RecordingWriter second = world.ask("/bkt?list-type=2");
  EXPECT_EQ(second.status, 503u);
  EXPECT_THAT(second.text, HasSubstr("<Code>SlowDown</Code>"));
  world.pass(2s);
  EXPECT_EQ(first.status, 200u);
  EXPECT_THAT(world.metrics(), HasSubstr("cachey_s3api_forwards_refused_total 1"));
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 200u);
}

TEST(PassThrough, ASlowReaderLosesItsPlaceToAClientThatWaits) {
  World world({.limits = {.at_once = 2, .waiting = 8, .wait = 20s}});
  world.store.answer({.body = list_of("bkt", 100)});
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  SlowWriter slow(world.worker(), 100ms);
  const auto slow_ended = world.begin(request, slow);
  world.pass(30s);
  EXPECT_FALSE(slow_ended->has_value());  // nobody waits
  RecordingWriter next;
  const auto next_ended = world.begin(request, next);
  world.pass(1s);
  EXPECT_TRUE(slow_ended->has_value());
  EXPECT_TRUE(slow.aborted);
  EXPECT_TRUE(next_ended->has_value());
  EXPECT_EQ(next.status, 200u);
}

TEST(PassThrough, AClientThatLeavesEndsTheQuestion) {
  World world;
  world.store.answer_by([](const origin::ForwardRequest& request) -> FakeForwarder::Answer {
    (void)request;
    return {.head_delay = 1s, .error = Error(ErrorKind::kCancelled, "left")};
  });
  const net::Request request(net::Method::kGet, "/bkt?list-type=2", {});
  RecordingWriter writer;
  const auto ended = world.begin(request, writer);
  writer.leave();
  world.pass(2s);
  EXPECT_TRUE(writer.aborted);
  EXPECT_TRUE(world.store.asked()[0].stop.stop_requested());
  EXPECT_THAT(world.metrics(), HasSubstr("outcome=\"client_gone\"} 1"));
}

TEST(PassThrough, WithoutSuchAStoreNothingIsImplemented) {
  World world({}, false);
  EXPECT_EQ(world.ask("/bkt?list-type=2").status, 501u);
}

}  // namespace
}  // namespace cachey::api::s3
