#include "app/options/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

#include "app/options/option_table.h"
#include "app/options/revision.h"
#include "app/options/testing/parse.h"
#include "base/units.h"

namespace cachey::app {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  }
  return lines;
}

/// A config file that the destructor removes.
class OptionsFile {
 public:
  explicit OptionsFile(const std::string& text)
      : path_(::testing::TempDir() + std::to_string(::getpid()) + ".options_test.toml") {
    std::ofstream(path_) << text;
  }
  ~OptionsFile() { std::remove(path_.c_str()); }
  [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
  const std::string path_;
};

TEST(Options, DefaultsAreTheDocumentedOnes) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->memory.limit_bytes, 4 * kGiB);
  EXPECT_EQ(options->port, 80);
  EXPECT_THAT(options->listen, ElementsAre(ListenOption{"0.0.0.0", {}}));
  EXPECT_TRUE(options->admin_listen.empty());
  EXPECT_FALSE(options->tls.enabled());
  EXPECT_EQ(options->fill.split_after, kMiB);
  EXPECT_EQ(options->origin_directory, "");
  EXPECT_EQ(options->drain_timeout, 30s);
}

TEST(Options, TakesWhatIsGiven) {
  const auto options = parse({"--memory",
                              "1.5GiB",
                              "--origin=dir:/x",
                              "--listen",
                              "::1",
                              "--listen=127.0.0.1:81",
                              "--port=0",
                              "--split-after=0",
                              "--header-timeout",
                              "0.5",
                              "--threads=3",
                              "--s3-force-path-style",
                              "--log-level",
                              "warn",
                              "--log-format=json",
                              "--disk-path=/d",
                              "--disk-kind=block",
                              "--s3-checksum-mode=off",
                              "--admin-listen",
                              "[::1]:9000",
                              "--auth-tokens",
                              "/t",
                              "--allow-bucket",
                              "a*",
                              "--allow-bucket",
                              "b"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->memory.limit_bytes, 1536 * kMiB);
  EXPECT_EQ(options->origin_directory, "/x");
  EXPECT_THAT(options->listen, ElementsAre(ListenOption{"::1", {}}, ListenOption{"127.0.0.1", 81}));
  EXPECT_THAT(options->admin_listen, ElementsAre(ListenOption{"::1", 9000}));
  EXPECT_EQ(options->port, 0);
  EXPECT_EQ(options->fill.split_after, 0u);
  EXPECT_EQ(options->server.head_timeout, 500ms);
  EXPECT_EQ(options->threads, 3u);
  EXPECT_TRUE(options->s3_force_path_style);
  EXPECT_EQ(options->log_level, log::Level::kWarn);
  EXPECT_EQ(options->log_format, LogFormat::kJson);
  EXPECT_EQ(options->disk_kind, store::DiskKind::kBlock);
  EXPECT_EQ(options->s3_checksum_mode, ChecksumMode::kOff);
  EXPECT_EQ(options->auth_tokens_file, "/t");
  ASSERT_EQ(options->allow_bucket.size(), 2u);
  EXPECT_TRUE(options->allow_bucket[0].matches("abc"));
}

TEST(Options, WithTlsThePortIsAnother) {
  EXPECT_EQ(parse({"--tls-self"})->port, 443);
  EXPECT_EQ(parse({"--tls-cert", "c", "--tls-key", "k"})->port, 443);
  EXPECT_EQ(parse({"--tls-self", "--port", "80"})->port, 80);
  const auto options = parse({"--tls-cert=c", "--tls-key=k", "--tls-client-ca=a"});
  EXPECT_EQ(options->tls.cert_file, "c");
  EXPECT_EQ(options->tls.key_file, "k");
  EXPECT_EQ(options->tls.client_ca_file, "a");
  EXPECT_FALSE(options->tls.self_signed);
}

TEST(Options, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  const OptionsFile file(
      "port = 81\nthreads = 2\nlisten = [\"::1\", \"::2\"]\nmemory = \"64MiB\"\n");
  const auto options = parse({"--config", file.path(), "--port=83"},
                             {"CACHEY_PORT=82", "CACHEY_THREADS=3", "CACHEY_LISTEN=::3,::4"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(options->port, 83);
  EXPECT_EQ(options->threads, 3u);
  EXPECT_EQ(options->memory.limit_bytes, 64 * kMiB);
  EXPECT_EQ(options->drain_timeout, 30s);
  EXPECT_THAT(options->listen, ElementsAre(ListenOption{"::3", {}}, ListenOption{"::4", {}}))
      << "a list replaces a list";
}

TEST(Options, TheEnvironmentMayNameTheFile) {
  const OptionsFile file("port = 81\n");
  const std::string variable = std::string("CACHEY_CONFIG=") + file.path();
  EXPECT_EQ(parse({}, {variable.c_str()})->port, 81);
  EXPECT_EQ(parse({"--config", "/no/such/file"}, {variable.c_str()}).error().code, 2);
}

TEST(Options, AllFaultsOfAllSourcesAreSaidAtOnce) {
  const OptionsFile file("memory = \"lots\"\nmemroy = 1\n");
  const auto bad =
      parse({"--config", file.path(), "--port", "http", "--nonsense", "--tls-key", "k"},
            {"CACHEY_THREADS=0"});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, 2);
  EXPECT_THAT(
      lines_of(bad.error().text),
      ::testing::UnorderedElementsAre(
          AllOf(HasSubstr("options_test.toml:1: memory"), HasSubstr("\"lots\"")),
          AllOf(HasSubstr("options_test.toml:2: memroy"), HasSubstr("mean memory?")),
          HasSubstr("CACHEY_THREADS: \"0\""), HasSubstr("--port: \"http\""),
          HasSubstr("--nonsense"), HasSubstr("--tls-key (from command line) needs --tls-cert")));
  for (const std::string& line : lines_of(bad.error().text)) {
    EXPECT_TRUE(line.starts_with("cachey: ")) << line;
  }
}

TEST(Options, AValueThatIsOverruledMustBeGoodToo) {
  EXPECT_THAT(parse({"--port=81"}, {"CACHEY_PORT=http"}).error().text, HasSubstr("CACHEY_PORT"));
}

TEST(Options, ABadOneIsOneLineAndExitTwo) {
  const std::vector<std::vector<const char*>> table = {
      {"--memory", "x"},
      {"--memory", "-1"},
      {"--memory", "1MiB"},
      {"--memory"},
      {"--memory", "1GiB", "--memory", "2GiB"},
      {"--port", "65536"},
      {"--port", "http"},
      {"--port", "-1"},
      {"--port", "80.5"},
      {"--listen", "localhost"},
      {"--listen", ""},
      {"--auth-tokens", ""},
      {"--tls-client-ca="},
      {"--admin-listen", "127.0.0.1"},
      {"--listen", "::1", "--listen", "::1"},
      {"--listen", "::1", "--port=9000", "--admin-listen", "[::1]:9000"},
      {"--origin", "ftp"},
      {"--origin", "dir:"},
      {"--threads", "0"},
      {"--log-level", "loud"},
      {"--log-level="},
      {"--log-format", "xml"},
      {"--disk-kind", "tape"},
      {"--s3-checksum-mode", "on"},
      {"--header-timeout", "0"},
      {"--idle-timeout", "x"},
      {"--nonsense"},
      {"--nonsense", "5"},
      {"--memroy=1GiB"},
      {"-x"},
      {"positional"},
      {"--split-after", "many"},
      {"--max-connections", "0"},
      {"--drain-timeout", "-1"},
      {"--trusted-proxies", "10.0.0.1/8"},
      {"--trusted-proxies", "proxy.test"},
      {"--proxy-protocol"},
      {"--admin-tls=false"},
      {"--tls-cert", "c"},
      {"--tls-key", "k"},
      {"--tls-client-ca", "a"},
      {"--tls-self=maybe"},
      {"--allow-bucket", ""},
      {"--kind", "media"},
      {"--kind", "=media"},
      {"--kind", "media=eu,"},
      {"--kind", "media=eu,eu"},
      {"--kind", "media=eu", "--kind", "media=us"},
      {"--kind", "media=eu,us", "--allow-bucket", "e*"},
      {"--kinds", "some"},
      {"--kinds", "declared"},
      {"--page-size", "k"},
      {"--page-size", "k=0", "--kind=k=b"},
      {"--page-size", "k=x", "--kind=k=b"},
      {"--page-size", "k=32KiB", "--kind=k=b"},
      {"--page-size", "k=32MiB", "--kind=k=b"},
      {"--page-size", "k=3MiB", "--kind=k=b"},
      {"--page-size", "k=1MB", "--kind=k=b"},
      {"--page-size", "k=1MiB"},
      {"--page-size", "other=1MiB", "--kind=k=b"},
      {"--page-size", "k=1MiB", "--page-size", "k=1MiB", "--kind=k=b"},
      {"--config", "/no/such/file"},
  };
  for (const auto& arguments : table) {
    const auto options = parse(arguments);
    ASSERT_FALSE(options) << arguments[0];
    EXPECT_EQ(options.error().code, 2) << arguments[0];
    EXPECT_EQ(lines_of(options.error().text).size(), 1u) << options.error().text;
    const std::string argument = arguments[0];
    const std::string name = argument.substr(0, argument.find('='));
    EXPECT_THAT(options.error().text, HasSubstr(name.substr(name.find_first_not_of('-'))));
  }
  const auto both = parse({"--tls-self", "--tls-cert=c", "--tls-key=k"});
  EXPECT_THAT(lines_of(both.error().text),
              ElementsAre(HasSubstr("--tls-self"), HasSubstr("--tls-key")));
}

TEST(Options, KindsAreDeclaredInEverySource) {
  const OptionsFile file("kind = [\"media=eu,us\", \"logs=logs\"]\nkinds = \"declared\"\n");
  for (const auto& options :
       {parse({"--kind=media=eu,us", "--kind", "logs=logs", "--kinds=declared"}),
        parse({}, {"CACHEY_KIND=media=eu,us;logs=logs", "CACHEY_KINDS=declared"}),
        parse({"--config", file.path(), "--allow-bucket=eu", "--allow-bucket=*s"})}) {
    ASSERT_TRUE(options) << options.error().text;
    ASSERT_EQ(options->kinds.size(), 2u);
    EXPECT_EQ(options->kinds[0].text(), "media=eu,us");
    EXPECT_EQ(options->kinds[1].text(), "logs=logs");
    EXPECT_EQ(options->other_kinds, api::OtherKinds::kRefused);
  }
}

TEST(Options, KindsHavePageSizesFromEverySource) {
  const OptionsFile file("kind = [\"a=a\", \"b=b\"]\npage-size = [\"b=64KiB\", \"a=1048576\"]\n");
  for (const auto& options :
       {parse({"--page-size=b=64kib", "--kind=a=a", "--kind=b=b", "--page-size", "a=1MiB"}),
        parse({}, {"CACHEY_KIND=a=a;b=b", "CACHEY_PAGE_SIZE=b=65536;a=1024KiB"}),
        parse({"--config", file.path()})}) {
    ASSERT_TRUE(options) << options.error().text;
    ASSERT_EQ(options->page_sizes.size(), 2u);
    EXPECT_EQ(options->page_sizes[0].kind, "b");
    EXPECT_EQ(options->page_sizes[0].size.bytes(), 64 * kKiB);
    EXPECT_EQ(options->page_sizes[1].kind, "a");
    EXPECT_EQ(options->page_sizes[1].size.bytes(), kMiB);
  }
  EXPECT_TRUE(parse({"--kind=a=a", "--page-size=a=16MiB"}));
}

TEST(Options, AllowedBucketsWithoutKindsAreAWarning) {
  const auto warnings = [](std::vector<const char*> arguments) {
    arguments.push_back("--listen=::1");
    return parse(std::move(arguments))->warnings;
  };
  EXPECT_THAT(warnings({"--allow-bucket=logs-*"}), ElementsAre(HasSubstr("--kind")));
  EXPECT_THAT(warnings({"--allow-bucket=a", "--allow-bucket=b"}), ElementsAre(HasSubstr("--kind")));
  EXPECT_TRUE(warnings({"--allow-bucket=a"}).empty());
  EXPECT_TRUE(warnings({"--allow-bucket=*", "--kind=a=a"}).empty());
  EXPECT_TRUE(warnings({}).empty());
}

TEST(Options, OfPortZeroThereMayBeMany) {
  EXPECT_TRUE(parse({"--listen=::1", "--listen=::1", "--port=0", "--admin-listen=[::1]:0"}));
}

TEST(Options, HelpAndVersionAreNoFaults) {
  Options options;
  const std::string help = parse({"--help", "--memory=lots"}).error().text;
  for (const Option& option : option_table(options)) {
    EXPECT_THAT(help, AllOf(HasSubstr("--" + option.name), HasSubstr(option.help)));
  }
  EXPECT_EQ(parse({"-h"}).error().code, 0);
  EXPECT_EQ(parse({"--version"}).error().text,
            "cachey " CACHEY_VERSION " (" + std::string(build_revision()) + ")\n");
  EXPECT_EQ(parse({"-V"}).error().code, 0);
}

TEST(Options, PrintedOnesAreAConfigFileThatMeansTheSame) {
  const auto printed = parse({"--print-config", "--tls-self", "--listen=::1", "--allow-bucket=a*"},
                             {"CACHEY_MEMORY=1.5GiB", "CACHEY_ADMIN_LISTEN=[::1]:1,[::1]:2"});
  ASSERT_FALSE(printed);
  EXPECT_EQ(printed.error().code, 0);
  const std::string& text = printed.error().text;
  EXPECT_THAT(text, HasSubstr("port = 443  # from default\n"));
  EXPECT_THAT(text, HasSubstr("listen = [\"::1\"]  # from command line\n"));
  EXPECT_THAT(text, HasSubstr("memory = \"1536MiB\"  # from CACHEY_MEMORY\n"));
  EXPECT_THAT(text, Not(HasSubstr("config = ")));
  const OptionsFile file(text);
  const auto again = parse({"--config", file.path(), "--print-config"});
  const auto values = [](const std::string& config) {
    std::vector<std::string> all;
    for (const std::string& line : lines_of(config))
      all.push_back(line.substr(0, line.find("  #")));
    return all;
  };
  EXPECT_EQ(values(again.error().text), values(text));
  EXPECT_EQ(again.error().code, 0);
}

TEST(Options, TheMachineLimitsMemoryAndThreads) {
  EXPECT_EQ(parse({})->threads, kMachine.cpus);
  EXPECT_EQ(parse({"--threads=7"})->threads, 7u);
  EXPECT_EQ(parse({"--memory=50%"})->memory.limit_bytes, 500 * kGiB);
  EXPECT_EQ(parse({}, {"CACHEY_MEMORY=1%"})->memory.limit_bytes, 10 * kGiB);
  EXPECT_THAT(parse({"--memory=1001GiB"}).error().text,
              AllOf(HasSubstr("--memory (from command line) 1001GiB is more memory than there is"),
                    HasSubstr("RAM")));
  EXPECT_THAT(parse({"--memory=950GiB", "--listen=::1"})->warnings, ElementsAre(HasSubstr("95 %")));
  EXPECT_THAT(parse({"--memory=62.5%", "--print-config"}).error().text,
              HasSubstr("memory = \"62.5%\"  # from command line"));
  EXPECT_THAT(parse({"--memory=101%", "--port=x"}).error().text,
              AllOf(HasSubstr("101%"), HasSubstr("--port")));
}

TEST(Options, EveryOptionCanBeGivenInEverySource) {
  Options options;
  for (const Option& option : option_table(options)) {
    if (option.where == Option::Where::kCommandLineOnly) continue;
    const std::string variable = variable_of(option.name) + "=\x01";
    const std::string argument = "--" + option.name + "=\x01";
    EXPECT_THAT(parse({argument.c_str()}).error().text, HasSubstr("--" + option.name));
    EXPECT_THAT(parse({}, {variable.c_str()}).error().text, HasSubstr(variable_of(option.name)));
    if (option.where == Option::Where::kNotInFile) continue;
    const OptionsFile file(option.name +
                           (option.repeatable ? " = [\"\\u0001\"]" : " = \"\\u0001\""));
    EXPECT_THAT(parse({"--config", file.path()}).error().text,
                HasSubstr(":1: " + option.name + ": must be "));
  }
}

}  // namespace
}  // namespace cachey::app
