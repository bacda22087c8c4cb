#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

#include "app/options/options.h"
#include "app/options/testing/parse.h"
#include "base/units.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A config file that the destructor removes.
class TempFile {
 public:
  TempFile(const std::string& name, const std::string& text)
      : path_(::testing::TempDir() + std::to_string(::getpid()) + "." + name + ".toml") {
    std::ofstream(path_) << text;
  }
  ~TempFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
  const std::string path_;
};

TEST(OptionsOfTheS3Endpoint, TheS3EndpointIsGivenAsAWhole) {
  const auto options =
      parse({"--s3api-listen=127.0.0.1:9000", "--s3api-listen=[::1]:9000", "--s3api-open",
             "--s3api-domain=S3.Example.ORG.", "--s3api-region=eu-central-1", "--s3api-plain"});
  ASSERT_TRUE(options) << options.error().text;
  const S3ApiOptions& s3api = options->s3api;
  EXPECT_TRUE(s3api.enabled());
  EXPECT_THAT(s3api.listen,
              ElementsAre(ListenOption{"127.0.0.1", 9000}, ListenOption{"::1", 9000}));
  EXPECT_TRUE(s3api.open);
  EXPECT_THAT(s3api.domains, ElementsAre("s3.example.org"));
  EXPECT_EQ(s3api.region, "eu-central-1");
  EXPECT_TRUE(s3api.plain);
  EXPECT_FALSE(parse({})->s3api.enabled());
}

TEST(OptionsOfTheS3Endpoint, HowLongAnswersAreGoodIsGivenByGlobs) {
  const auto options =
      parse({"--s3api-listen=127.0.0.1:9000", "--s3api-open", "--s3api-revalidate=b/k,*=never",
             "--s3api-revalidate=*=60", "--s3api-stale-if-error=0"},
            {"CACHEY_S3API_REVALIDATE=a=always"});
  ASSERT_TRUE(options) << options.error().text;
  const S3ApiOptions& s3api = options->s3api;
  ASSERT_EQ(s3api.revalidate.size(), 2u);
  EXPECT_EQ(s3api.revalidate[0].text(), "b/k,*=never");
  EXPECT_EQ(s3api.revalidate[1].text(), "*=60");
  EXPECT_EQ(s3api.stale_if_error, 0ms);
  EXPECT_FALSE(s3api.revalidate_is_files);
  EXPECT_EQ(options->fill.heads_bytes_max, options->memory.limit_bytes / 32);
  EXPECT_EQ(parse({})->fill.heads_bytes_max, 0u);
  EXPECT_EQ(parse({})->s3api.stale_if_error, 60s);

  const auto listed = parse({"--s3api-listen=127.0.0.1:9000", "--s3api-open"},
                            {"CACHEY_S3API_REVALIDATE=a/x,y=always;*=7"});
  ASSERT_TRUE(listed) << listed.error().text;
  ASSERT_EQ(listed->s3api.revalidate.size(), 2u);
  EXPECT_EQ(listed->s3api.revalidate[0].text(), "a/x,y=always");
}

TEST(OptionsOfTheS3Endpoint, MoreRulesThanThereMayBeAreAFault) {
  std::string list = "*=1";
  for (size_t i = 1; i < api::s3::RevalidateRules::kRulesMax; ++i) list += ";*=1";
  const std::string most = "CACHEY_S3API_REVALIDATE=" + list;
  const std::string more = most + ";*=1";
  const std::vector<const char*> endpoint{"--s3api-listen=127.0.0.1:9000", "--s3api-open"};
  EXPECT_TRUE(parse(endpoint, {most.c_str()}));
  const auto refused = parse(endpoint, {more.c_str()});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text, HasSubstr("takes at most 64"));
}

TEST(OptionsOfTheS3Endpoint, TheConfigFileSaysAnewHowLongAnswersAreGood) {
  const TempFile file("given", "s3api-revalidate = [\"a=always\", \"*=9\"]\nport = 1\n");
  const std::vector<const char*> endpoint{"--config", file.path(), "--s3api-listen=127.0.0.1:9000",
                                          "--s3api-open"};
  const auto options = parse(endpoint);
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_TRUE(options->s3api.revalidate_is_files);
  const auto again = read_revalidate_again(file.path());
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_EQ(again->size(), 2u);
  EXPECT_EQ(again->at(1).text(), "*=9");
  EXPECT_FALSE(parse(endpoint, {"CACHEY_S3API_REVALIDATE=*=1"})->s3api.revalidate_is_files);

  const TempFile silent("silent", "port = 1\n");
  EXPECT_TRUE(read_revalidate_again(silent.path())->empty());
  const TempFile wrong("wrong", "s3api-revalidate = [\"*=9s\"]\n");
  EXPECT_THAT(read_revalidate_again(wrong.path()).error().message(), HasSubstr("whole seconds"));
  const TempFile broken("broken", "s3api-revalidate = \n");
  EXPECT_THAT(read_revalidate_again(broken.path()).error().message(), HasSubstr(":1:"));
  EXPECT_THAT(read_revalidate_again("/nowhere").error().message(), HasSubstr("/nowhere"));
}

TEST(OptionsOfTheS3Endpoint, WithoutAWordAboutAccessTheS3EndpointDoesNotStart) {
  const auto options = parse({"--s3api-listen=127.0.0.1:9000"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().code, 2);
  EXPECT_THAT(options.error().text, HasSubstr("needs --s3api-keys"));
  EXPECT_THAT(options.error().text, HasSubstr("or --s3api-open"));
  EXPECT_THAT(options.error().text, HasSubstr("every client that reaches the address may read"));
}

TEST(OptionsOfTheS3Endpoint, WithoutItsAddressTheS3EndpointHasNoOptions) {
  for (const char* given :
       {"--s3api-open", "--s3api-domain=d", "--s3api-region=r", "--s3api-plain",
        "--s3api-revalidate=*=1", "--s3api-stale-if-error=61", "--s3api-bucket=data=eu",
        "--s3api-keys=/k", "--s3api-external-host=h"}) {
    const auto options = parse({given});
    ASSERT_FALSE(options) << given;
    EXPECT_THAT(options.error().text, HasSubstr("needs --s3api-listen")) << given;
  }
}

TEST(OptionsOfTheS3Endpoint, ClientsHaveKeysOrNeedNone) {
  const auto with_keys =
      parse({"--s3api-listen=[::1]:9000", "--s3api-keys=/keys",
             "--s3api-external-host=S3.Example.org:8443", "--s3api-external-host=[2001:DB8::1]",
             "--s3api-external-host=10.0.0.1:80"});
  ASSERT_TRUE(with_keys) << with_keys.error().text;
  EXPECT_EQ(with_keys->s3api.keys_file, "/keys");
  EXPECT_FALSE(with_keys->s3api.open);
  EXPECT_THAT(with_keys->s3api.external_hosts,
              ElementsAre("s3.example.org:8443", "[2001:db8::1]", "10.0.0.1:80"));
  const auto both = parse({"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-keys=/keys"});
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().text, HasSubstr("exclude each other"));
  const auto open = parse({"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-external-host=h"});
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().text, HasSubstr("needs --s3api-keys"));
  for (const char* bad :
       {"--s3api-external-host=", "--s3api-external-host=h:", "--s3api-external-host=h:0",
        "--s3api-external-host=h:65536", "--s3api-external-host=http://h",
        "--s3api-external-host=h/x", "--s3api-external-host=[::1", "--s3api-external-host=:1"}) {
    EXPECT_FALSE(parse({"--s3api-listen=[::1]:9000", "--s3api-keys=/keys", bad})) << bad;
  }
  std::vector<const char*> many = {"--s3api-listen=[::1]:9000", "--s3api-keys=/keys"};
  many.insert(many.end(), 17, "--s3api-external-host=h");
  EXPECT_FALSE(parse(many));
}

TEST(OptionsOfTheS3Endpoint, AWrongAddressIsOneFault) {
  const auto options = parse({"--s3api-listen=localhost:9000", "--s3api-open", "--s3api-plain"});
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().faults, ElementsAre(HasSubstr("\"localhost:9000\" is not an IPv4")));
}

TEST(OptionsOfTheS3Endpoint, BadValuesOfTheS3EndpointAreFaults) {
  const std::string long_label(64, 'a');
  const std::vector<std::vector<const char*>> bad = {
      {"--s3api-listen=127.0.0.1", "--s3api-open"},
      {"--s3api-listen=localhost:9000", "--s3api-open"},
      {"--s3api-listen=::1", "--s3api-open"},
      {"--listen=::1", "--port=9000", "--s3api-listen=[::1]:9000", "--s3api-open"},
      {"--admin-listen=[::1]:9000", "--s3api-listen=[::1]:9000", "--s3api-open"},
      {"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-region=eu central"},
      {"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-revalidate=never"},
      {"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-stale-if-error=-1"},
  };
  for (const std::vector<const char*>& arguments : bad) {
    const auto options = parse(arguments);
    ASSERT_FALSE(options) << arguments.front();
    EXPECT_EQ(options.error().code, 2);
  }
  for (const std::string& domain :
       {std::string(), std::string("."), std::string("a..b"), std::string("-a.b"),
        std::string("a-.b"), std::string("a_b"), std::string("s3.local:9000"),
        std::string("10.0.0.1"), std::string("[::1]"), std::string("*.s3.local"), long_label,
        std::string(254, 'a')}) {
    const std::string argument = "--s3api-domain=" + domain;
    EXPECT_FALSE(parse({"--s3api-listen=[::1]:9000", "--s3api-open", argument.c_str()})) << domain;
  }
}

std::string names_of(const std::vector<api::DeclaredKind>& kinds) {
  std::string names;
  for (const api::DeclaredKind& kind : kinds) names += kind.text() + ";";
  return names;
}

TEST(OptionsOfTheS3Endpoint, AnAliasIsADeclaredKind) {
  const auto options =
      parse({"--s3api-listen=[::1]:9000", "--s3api-open", "--s3api-bucket=data=data-eu,data-us",
             "--s3api-bucket=own=own,data-us", "--kind=k=b", "--kind=data=data-eu,data-us",
             "--page-size=own=64KiB", "--allow-bucket=*"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(names_of(options->s3api.aliases), "data=data-eu,data-us;own=own,data-us;");
  EXPECT_EQ(names_of(options->kinds), "k=b;data=data-eu,data-us;own=own,data-us;");

  const auto listed = parse({"--s3api-listen=[::1]:9000", "--s3api-open", "--kinds=declared"},
                            {"CACHEY_S3API_BUCKET=a=x,y;b=z"});
  ASSERT_TRUE(listed) << listed.error().text;
  EXPECT_EQ(names_of(listed->kinds), "a=x,y;b=z;");
  const auto printed = parse({"--s3api-listen=[::1]:9000", "--s3api-open", "--print-config"},
                             {"CACHEY_S3API_BUCKET=a=x,y;b=z"});
  EXPECT_THAT(printed.error().text, HasSubstr("s3api-bucket = [\"a=x,y\", \"b=z\"]"));
  EXPECT_THAT(printed.error().text, Not(HasSubstr("\nkind = [\"a")));
}

TEST(OptionsOfTheS3Endpoint, AnAliasThatContradictsIsAFault) {
  struct Bad {
    std::vector<const char*> given;
    const char* text;
  };
  const std::string many = "--s3api-bucket=a=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17";
  const std::vector<Bad> bad = {
      {{"--s3api-bucket=a"}, "is not NAME=BUCKET"},
      {{"--s3api-bucket=a="}, "must not be empty"},
      {{"--s3api-bucket=a=x,x"}, "names a bucket twice"},
      {{many.c_str()}, "more than 16 buckets"},
      {{"--s3api-bucket=a/b=x"}, "is no name of a bucket that S3 clients can ask for"},
      {{"--s3api-bucket=-=x"}, "is no name of a bucket that S3 clients can ask for"},
      {{"--s3api-bucket=a=x", "--s3api-bucket=a=x"}, "\"a\" is given twice"},
      {{"--s3api-bucket=a=x,y", "--kind=a=y,x"}, "has other buckets, or another order"},
      {{"--s3api-bucket=a=x,y", "--allow-bucket=a", "--allow-bucket=x"},
       "does not allow the bucket \"y\""},
      {{"--s3api-bucket=a=x", "--allow-bucket=x"}, "does not allow the bucket \"a\""},
  };
  for (const Bad& one : bad) {
    std::vector<const char*> arguments{"--s3api-listen=[::1]:9000", "--s3api-open"};
    arguments.insert(arguments.end(), one.given.begin(), one.given.end());
    const auto options = parse(arguments);
    ASSERT_FALSE(options) << one.given.front();
    EXPECT_THAT(options.error().text, HasSubstr(one.text)) << one.given.front();
  }
}

TEST(OptionsOfTheS3Endpoint, TokensThatDoNotHoldAtTheS3EndpointAreAWarning) {
  const auto warns = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.end(), {"--listen=::1", "--s3api-open"});
    return std::ranges::any_of(parse(arguments)->warnings, [](const std::string& warning) {
      return warning.find("--auth-tokens does not hold") != std::string::npos;
    });
  };
  EXPECT_TRUE(warns({"--s3api-listen=[::1]:9000", "--auth-tokens=/t"}));
  EXPECT_FALSE(warns({"--s3api-listen=[::1]:9000"}));
}

}  // namespace
}  // namespace cachey::app
