#include "base/read_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace cachey {
namespace {

TEST(ReadFile, ReadsTheStartOfAFile) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("read_file_test." + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string path = folder / "file";
  const std::string text(100'000, 'x');
  std::ofstream(path) << text;
  EXPECT_EQ(read_file_start(path, 1 << 20).value(), text);
  EXPECT_EQ(read_file_start(path, 17).value(), text.substr(0, 17));
  EXPECT_EQ(read_file_start(path, 99'999).value().size(), 99'999u);
  EXPECT_EQ(read_file_start("/dev/null", 17).value(), "");
  EXPECT_EQ(read_file_start(path + ".none", 17).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(read_file_start(folder, 17).error().kind(), ErrorKind::kInternal);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace cachey
