#include "app/secret_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/testing/captured_log.h"

namespace cachey::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenFile : public ::testing::Test {
 protected:
  TokenFile() { std::filesystem::create_directories(directory_); }
  ~TokenFile() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& text) {
    const std::string path = (directory_ / "tokens").string();
    std::ofstream(path) << text;
    return path;
  }

  /// The log lines that `action` writes.
  [[nodiscard]] static std::string logged(const std::function<void()>& action) {
    const CapturedLog log(log::Level::kWarn);
    action();
    return log.text();
  }

  const std::filesystem::path directory_ = std::filesystem::path(::testing::TempDir()) /
                                           ("secret_files_test." + std::to_string(::getpid()));
};

TEST_F(TokenFile, IsRead) {
  const auto tokens = read_token_file(write("# readers\n0123456789abcdef\n"));
  ASSERT_TRUE(tokens);
  EXPECT_TRUE(tokens->contain("0123456789abcdef"));
}

TEST_F(TokenFile, WarnsWhereOthersCanReadIt) {
  const std::string path = write("0123456789abcdef\n");
  for (const auto& [mode, warns] : {std::pair{0600, false}, {0640, true}, {0604, true}}) {
    ASSERT_EQ(::chmod(path.c_str(), static_cast<mode_t>(mode)), 0);
    const std::string said = logged([&] { EXPECT_TRUE(read_token_file(path)); });
    EXPECT_EQ(said.find("others than the owner") != std::string::npos, warns) << mode;
    EXPECT_THAT(said, Not(HasSubstr("0123456789abcdef")));
  }
}

TEST_F(TokenFile, FaultsNameTheFileAndNoToken) {
  EXPECT_THAT(read_token_file("/no/such/file").error().message(), HasSubstr("/no/such/file"));
  EXPECT_THAT(read_token_file(directory_.string()).error().message(), HasSubstr("no file"));
  EXPECT_THAT(read_token_file(write("")).error().message(), HasSubstr("no token"));
  const std::string path = write("0123456789abcdef\nshort-secret\n");
  const auto broken = read_token_file(path);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind(), ErrorKind::kBadRequest);
  EXPECT_THAT(broken.error().message(),
              AllOf(HasSubstr(path), HasSubstr("line 2"), Not(HasSubstr("secret\""))));
  EXPECT_THAT(broken.error().message(), Not(HasSubstr("short")));
}

TEST_F(TokenFile, HalfATokenIsNoToken) {
  const std::string path = write("0123456789abcdef");
  int pauses = 0;
  const auto tokens = read_token_file(path, [&] {
    if (++pauses == 1) write("0123456789abcdef-the-rest");
  });
  ASSERT_TRUE(tokens);
  EXPECT_FALSE(tokens->contain("0123456789abcdef"));
  EXPECT_TRUE(tokens->contain("0123456789abcdef-the-rest"))
      << "a file at rest needs no last newline";
  EXPECT_EQ(pauses, 2);
}

TEST_F(TokenFile, AFileThatChangesForEverIsRefused) {
  std::string text = "0123456789abcdef";
  const std::string path = write(text);
  int pauses = 0;
  const auto tokens = read_token_file(path, [&] {
    ++pauses;
    write(text += "x");
  });
  ASSERT_FALSE(tokens);
  EXPECT_THAT(tokens.error().message(), AllOf(HasSubstr(path), HasSubstr("rename")));
  EXPECT_EQ(pauses, 9);
}

TEST_F(TokenFile, OfAccessKeysIsReadByTheSameRules) {
  const std::string path = write("AKIA1 0123456789abcdef\n");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(logged([&] { EXPECT_TRUE(read_key_file(path)); }), "");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(logged([&] { EXPECT_TRUE(read_key_file(path)); }),
              HasSubstr("others than the owner can read the access keys"));
  (void)write("AKIA1 0123456789abcdef write\n");
  EXPECT_THAT(logged([&] { EXPECT_TRUE(read_key_file(path)); }),
              HasSubstr("write does nothing: the S3 endpoint is read-only"));
  (void)write("AKIA1 short\n");
  EXPECT_THAT(read_key_file(path).error().message(),
              AllOf(HasSubstr("--s3api-keys: "), HasSubstr("line 1: "), Not(HasSubstr("short"))));
  int pauses = 0;
  (void)write("AKIA1 0123456789abcdef");
  EXPECT_FALSE(read_key_file(
      path, [&] { (void)write("AKIA1 0123456789abcdef" + std::to_string(++pauses)); }));
  EXPECT_EQ(pauses, 9);
  EXPECT_THAT(read_key_file("/nowhere").error().message(), HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace cachey::app
