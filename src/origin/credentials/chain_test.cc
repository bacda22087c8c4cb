#include "origin/credentials/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/line_sink.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/testing/temporary_file.h"
#include "origin/testing/aws_test_data.h"
#include "origin/testing/credential_harness.h"
#include "origin/testing/s3_harness.h"

namespace cachey::origin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kKeys = "aws_access_key_id = k\naws_secret_access_key = s\n";

/// Uses `config` as ~/.aws/config.
std::string found_with(const std::string& config, const Texts& variables = {}) {
  CredentialHarness harness;
  harness.variables.merge(Texts(variables));
  harness.variables["HOME"] = "/home/me";
  harness.files["/home/me/.aws/config"] = config;
  return harness.found();
}

TEST(CredEnv, TheEnvironmentComesFirst) {
  const Texts keys = {{"AWS_ACCESS_KEY_ID", "ek"}, {"AWS_SECRET_ACCESS_KEY", "es"}};
  EXPECT_EQ(found_with(std::string("[default]\n") + kKeys, keys), "ek|es|");
  EXPECT_EQ(found_with("oops", keys), "ek|es|") << "files are not even read";
  EXPECT_EQ(found_with(std::string("[default]\n") + kKeys, {{"AWS_ACCESS_KEY_ID", "half"}}),
            "k|s|");
  EXPECT_THAT(found_with("", {{"AWS_ACCESS_KEY_ID", "k\nk"}, {"AWS_SECRET_ACCESS_KEY", "s"}}),
              HasSubstr("no credentials: environment: the access key id has control characters"));
  EXPECT_THAT(found_with("", {{"AWS_ACCESS_KEY_ID", "k"}, {"AWS_SECRET_ACCESS_KEY", "s\ts"}}),
              HasSubstr("the secret access key has control characters"));
}

TEST(CredEnv, WhiteSpaceAroundKeysIsDropped) {
  EXPECT_EQ(found_with("", {{"AWS_ACCESS_KEY_ID", " k\r\n"}, {"AWS_SECRET_ACCESS_KEY", "s\n"}}),
            "k|s|");
  EXPECT_EQ(found_with("", {{"AWS_ACCESS_KEY_ID", "k"},
                            {"AWS_SECRET_ACCESS_KEY", "\ts "},
                            {"AWS_SESSION_TOKEN", "t\n\n"}}),
            "k|s|t");
  EXPECT_EQ(found_with(std::string("[profile p]\n") + kKeys, {{"AWS_PROFILE", "p\n"}}), "k|s|");
}

TEST(CredChain, KeysComeFromTheChosenProfile) {
  const std::string config = std::string("[default]\n") + kKeys + "[profile p]\n" +
                             "aws_access_key_id = pk\naws_secret_access_key = ps\n"
                             "aws_session_token = pt\n";
  EXPECT_EQ(found_with(config), "k|s|");
  EXPECT_EQ(found_with(config, {{"AWS_PROFILE", ""}}), "k|s|");
  EXPECT_EQ(found_with(config, {{"AWS_PROFILE", "p"}}), "pk|ps|pt");
  EXPECT_EQ(found_with(config, {{"AWS_DEFAULT_PROFILE", "p"}}), "k|s|");
}

TEST(CredChain, WhereNobodyHasAnyEachSaysWhyNot) {
  EXPECT_EQ(found_with("[profile other]\n", {{"AWS_PROFILE", "none"}}),
            "no credentials: environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both "
            "set; profile: there is no profile \"none\" in AWS's config and credentials files; web "
            "identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not both set; container: "
            "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is set; instance: AWS_EC2_METADATA_DISABLED is "
            "true");
}

TEST(CredChain, ABrokenProfileHidesWorkingProviders) {
  const FakeService container(
      [](const std::string&, const std::string&) { return metadata_json("ID", kLater); });
  const Texts variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url()}};
  EXPECT_EQ(found_with("[default]\nregion = r\n", variables), "ID|s|t");
  EXPECT_THAT(
      found_with("[default]\nregion = r\nd0g", variables),
      AllOf(HasSubstr("no credentials: profile: "), HasSubstr("line 3"), Not(HasSubstr("d0g"))));
  EXPECT_THAT(found_with("[default]\naws_access_key_id = k", variables),
              HasSubstr("has no aws_secret_access_key"));
  EXPECT_THAT(found_with("[default]\nrole_arn = r\ncredential_source = Environment\n", variables),
              HasSubstr("no credentials: profile: profile \"default\": AWS_ACCESS_KEY_ID"));
  EXPECT_EQ(container.requests().size(), 1u);
}

TEST(CredChain, FilesAreReadAnewEachTime) {
  CredentialHarness harness;
  harness.variables["AWS_SHARED_CREDENTIALS_FILE"] = "/keys";
  harness.files["/keys"] = std::string("[default]\n") + kKeys;
  EXPECT_EQ(harness.found(), "k|s|");
  harness.files["/keys"] = "[default]\naws_access_key_id = k2\naws_secret_access_key = s2\n";
  EXPECT_EQ(harness.found(), "k2|s2|");
}

TEST(CredChain, NoLogLineHasASecret) {
  const TemporaryFile file("");
  Result<std::unique_ptr<LineSink>> sink = LineSink::open(file.path(), {});
  ASSERT_TRUE(sink);
  log::start(log::Level::kDebug, LogFormat::kText, sink->get());
  const FakeService container([](const std::string&, const std::string&) {
    return response("200 OK", "",
                    R"({"AccessKeyId":"ASIAEXAMPLEEXAMPLE01","SecretAccessKey":"hidden-secret",)"
                    R"("Token":"hidden-token","Expiration":"2009-02-13T23:31:30Z"})");
  });
  {
    CredentialHarness harness;
    harness.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url();
    harness.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "hidden-authorization";
    const std::shared_ptr<CredentialsProvider> provider =
        make_credentials_provider(harness.services());
    rt::Worker& worker = harness.workers.workers()[0];
    EXPECT_TRUE(harness.workers.run(provider->get(worker, MonoTime::max())).has_value());
    harness.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url() + "/\x01";
    EXPECT_FALSE(harness.find().has_value());
    harness.workers.stop();
  }
  log::start(log::Level::kOff, LogFormat::kText, nullptr);
  ASSERT_TRUE((*sink)->flush());
  const Result<std::string> lines = read_file_start(file.path(), 1 << 20);
  ASSERT_TRUE(lines);
  EXPECT_THAT(*lines, HasSubstr("id=ASIA...LE01 expires=1234567890"));
  EXPECT_THAT(*lines, Not(HasSubstr("hidden")));
  EXPECT_THAT(*lines, Not(HasSubstr("ASIAEXAMPLE")));
}

/// Replays AWS's recorded traffic, request by request, for any host.
class Recording {
 public:
  explicit Recording(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return;
    for (const nlohmann::json& event : json_of(path).at("events")) {
      const nlohmann::json& action = event.at("action");
      if (action.contains("Request")) exchanges_.emplace_back();
      Exchange& exchange = exchanges_.back();
      if (action.contains("Request")) {
        const nlohmann::json& request = action["Request"]["request"];
        const std::string uri = request.at("uri");
        exchange.line = request.at("method").get<std::string>() + " " +
                        uri.substr(uri.find('/', uri.find("://") + 3)) + " ";
      } else if (action.contains("Response")) {
        exchange.response = action["Response"]["response"]["Ok"];
      } else if (action.contains("Data") && action["Data"]["direction"] == "Response") {
        exchange.body += action["Data"]["data"].value("Utf8", "");
      }
    }
  }

  std::string answer(const std::string& head) {
    if (next_ >= exchanges_.size()) return response("599 Not recorded", "", "");
    const Exchange& exchange = exchanges_[next_++];
    EXPECT_TRUE(head.starts_with(exchange.line)) << head << "is not " << exchange.line;
    std::string headers;
    for (const auto& [name, values] : exchange.response.at("headers").items()) {
      if (name.starts_with("x-aws-ec2"))
        headers += name + ": " + values[0].get<std::string>() + "\r\n";
    }
    const int status = exchange.response.at("status");
    return response(std::to_string(status) + " Recorded", headers, exchange.body);
  }

  [[nodiscard]] bool finished() const { return next_ == exchanges_.size(); }

 private:
  struct Exchange {
    std::string line;
    nlohmann::json response;
    std::string body;
  };
  std::vector<Exchange> exchanges_;
  size_t next_ = 0;
};

/// The case's variables, with `url` instead of AWS's services.
Texts replayed_variables(const std::filesystem::path& folder, const std::string& url) {
  Texts variables = json_of(folder / "env.json").get<Texts>();
  variables["AWS_ENDPOINT_URL_STS"] = url;
  variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url;
  constexpr const char* kRelative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
  constexpr const char* kFull = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  if (variables.contains(kRelative)) variables[kFull] = url + variables[kRelative];
  variables.erase(kRelative);
  const std::string aws = "http://169.254.170.23";
  if (variables[kFull].starts_with(aws)) variables[kFull].replace(0, aws.size(), url);
  return variables;
}

Texts files_under(const std::filesystem::path& root) {
  Texts files;
  if (!std::filesystem::exists(root)) return files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path());
    files["/" + std::filesystem::relative(file.path(), root).string()] =
        std::string(std::istreambuf_iterator<char>(stream), {});
  }
  return files;
}

TEST(CredChain, PassesAwsCredentialChainCases) {
  const auto data = aws_test_data();
  if (!data) {
    GTEST_SKIP() << "CACHEY_AWS_TEST_DATA is not set: the folder with "
                    "default-credential-provider-chain/";
  }
  int replayed = 0;
  int skipped = 0;
  const std::filesystem::path cases = *data / "default-credential-provider-chain";
  for (const auto& folder : std::filesystem::directory_iterator(cases)) {
    const std::string name = folder.path().filename();
    SCOPED_TRACE(name);
    Recording recording(folder.path() / "http-traffic.json");
    const FakeService service(
        [&](const std::string& head, const std::string&) { return recording.answer(head); });
    CredentialHarness harness;
    harness.variables = replayed_variables(folder.path(), service.url());
    harness.files = files_under(folder.path() / "fs");
    const Result<aws::CredentialsPtr> found = harness.find();
    const nlohmann::json expected = json_of(folder.path() / "test-case.json").at("result");
    if (name.find("sso") != std::string::npos) {
      EXPECT_THAT(text_of(found), HasSubstr("which is not supported"));
      ++skipped;
      continue;
    }
    ++replayed;
    EXPECT_TRUE(recording.finished());
    if (!expected.contains("Ok")) {
      EXPECT_FALSE(found.has_value());
      continue;
    }
    const nlohmann::json& keys = expected.at("Ok");
    EXPECT_EQ(text_of(found), keys.value("access_key_id", "") + "|" +
                                  keys.value("secret_access_key", "") + "|" +
                                  keys.value("session_token", ""));
    // Expired credentials of an instance stay in use.
    if (found && keys.contains("expiry") && !(*found)->source().starts_with("instance")) {
      EXPECT_EQ((*found)->expires_at(), keys.at("expiry").get<int64_t>());
    }
  }
  EXPECT_GE(replayed, 25);
  std::cout << "replayed " << replayed << ", skipped " << skipped
            << " (SSO, which is not built: refused with a text)\n";
}

}  // namespace
}  // namespace cachey::origin
