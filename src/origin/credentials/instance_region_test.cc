#include "origin/credentials/instance_region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kEndpointVariable = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// An instance that names its region once `allowed` is counted down.
struct RegionInstance {
  RegionInstance()
      : service([this](const std::string& head, const std::string&) { return answer(head); }) {}

  std::string answer(const std::string& head) {
    allowed.wait();
    if (head.starts_with("PUT /latest/api/token "))
      return response("200 OK", "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "token");
    if (!head.starts_with("GET /latest/meta-data/placement/region ") ||
        head.find("x-aws-ec2-metadata-token: token\r\n") == std::string::npos)
      return response("400 What?", "", "");
    ++asked;
    return response(status, "", region);
  }

  std::string status = "200 OK";
  std::string region = "eu-west-7\n";
  std::latch allowed{1};
  std::atomic<int> asked = 0;
  FakeService service;
};

class Region : public ::testing::Test {
 protected:
  Region() { harness_.variables = {{kEndpointVariable, instance_.service.url()}}; }
  ~Region() { harness_.workers.stop(); }

  std::future<Result<std::string>> start(std::chrono::milliseconds limit = 60s) {
    if (!region_) region_ = std::make_shared<InstanceRegion>(harness_.services());
    rt::Worker& worker = harness_.workers.workers()[0];
    return harness_.workers.start(region_->get(worker, harness_.workers.clock().mono() + limit));
  }
  std::string get() {
    const Result<std::string> found = start().get();
    return found ? *found : found.error().message();
  }

  RegionInstance instance_;
  CredentialHarness harness_;
  std::shared_ptr<InstanceRegion> region_;
};

TEST_F(Region, AHundredThatAskAtOnceAreOneQuestionAndItsAnswerIsKept) {
  std::vector<std::future<Result<std::string>>> asked;
  for (int i = 0; i < 100; ++i) asked.push_back(start());
  instance_.allowed.count_down();
  for (auto& answer : asked) EXPECT_EQ(answer.get().value(), "eu-west-7");
  EXPECT_EQ(get(), "eu-west-7");
  EXPECT_EQ(instance_.asked, 1);
  EXPECT_EQ(instance_.service.requests().size(), 2u);
}

TEST_F(Region, AFailureSaysWhyAndIsKeptForAWhile) {
  instance_.allowed.count_down();
  instance_.status = "404 Not Found";
  const Result<std::string> failed = start().get();
  EXPECT_EQ(failed.error().kind(), ErrorKind::kUpstream);
  EXPECT_THAT(failed.error().message(), StartsWith("the instance's metadata at 127.0.0.1:"));
  instance_.status = "200 OK";
  EXPECT_EQ(get(), failed.error().message());
  EXPECT_EQ(instance_.asked, 1);
}

TEST_F(Region, WhatCannotBeOneIsNotTaken) {
  instance_.allowed.count_down();
  instance_.region = "a/b";
  EXPECT_THAT(get(), HasSubstr("names a region \"a/b\""));
}

TEST_F(Region, AnInstanceThatIsNotToBeAskedIsNot) {
  harness_.variables["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(get(), "AWS_EC2_METADATA_DISABLED is true");
  EXPECT_EQ(instance_.service.accepted(), 0);
}

TEST_F(Region, OneThatIsSilentIsGivenUpAfterASecond) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(get(), HasSubstr("no answer in time"));
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, 1000ms);
  EXPECT_LT(took, 3500ms);
  instance_.allowed.count_down();
}

TEST_F(Region, WhoeverAsksWaitsUntilItsOwnTimeIsUp) {
  EXPECT_EQ(start(30ms).get().error().kind(), ErrorKind::kTimeout);
  instance_.allowed.count_down();
}

TEST_F(Region, RolesAreAskedForThereToo) {
  instance_.allowed.count_down();
  harness_.variables["AWS_ROLE_ARN"] = "arn";
  harness_.variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  harness_.files["/token"] = "jwt";
  std::string asked;
  harness_.look_up = [&](const std::string& host) -> Result<std::vector<boost::asio::ip::address>> {
    asked = host;
    return fail(ErrorKind::kUpstream, "not here");
  };
  CredentialServices services = harness_.services();
  services.region = std::make_shared<InstanceRegion>(services);
  CredentialChain chain(services);
  rt::Worker& worker = harness_.workers.workers()[0];
  EXPECT_FALSE(harness_.workers.run(chain.find(worker, worker.timers().now() + 60s)));
  EXPECT_EQ(asked, "sts.eu-west-7.amazonaws.com");
}

TEST_F(Region, RequestsAreSignedForIt) {
  instance_.allowed.count_down();
  std::string request;
  ScriptedServer server([&](Peer& peer, int) {
    request = peer.read_request();
    peer.send(part_of("content", request));
  });
  S3Harness s3(server.port());
  s3.config.region.clear();
  s3.config.instance_region = std::make_shared<InstanceRegion>(
      CredentialServices{.environment = environment_of(harness_.variables),
                         .read_file = reader_of({}),
                         .tls = nullptr,
                         .blocking = s3.workers.pool(),
                         .clock = s3.workers.clock(),
                         .random = s3.random});
  EXPECT_EQ(s3.fetch().body, "content");
  s3.stop();
  EXPECT_THAT(request, HasSubstr("/eu-west-7/s3/aws4_request"));
}

TEST_F(Region, WithoutOneEveryRequestFailsWithTheReason) {
  instance_.allowed.count_down();
  S3Harness s3(1);
  s3.config.region.clear();
  EXPECT_EQ(s3.fetch().message, "a region must be set when sending requests to S3: set AWS_REGION");
}

}  // namespace
}  // namespace cachey::origin
