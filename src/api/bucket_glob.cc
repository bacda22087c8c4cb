#include "api/bucket_glob.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace cachey::api {

Result<BucketGlob> BucketGlob::parse(std::string_view text) {
  const auto refuse = [](std::string why) { return fail(ErrorKind::kBadRequest, std::move(why)); };
  if (text.empty()) return refuse("must not be empty");
  const size_t stars = static_cast<size_t>(std::ranges::count(text, '*'));
  if (text.size() > kBytesMax || text.size() - stars > kSteps) {
    return refuse(fmt::format("must be at most {} bytes without its stars and {} with them", kSteps,
                              kBytesMax));
  }
  if (!is_utf8(text) || has_control(text))
    return refuse("must be UTF-8 without control characters");
  BucketGlob glob;
  glob.text_ = text;
  for (const char c : text) {
    if (c == '*') {
      glob.stars_ |= glob.end_;
      continue;
    }
    if (c == '?') {
      for (uint64_t& step : glob.steps_) step |= glob.end_;
    } else {
      glob.steps_[static_cast<unsigned char>(c)] |= glob.end_;
    }
    glob.end_ <<= 1;
  }
  return glob;
}

bool BucketGlob::matches(std::string_view bucket) const {
  uint64_t places = 1;
  for (const char c : bucket) {
    places = ((places & steps_[static_cast<unsigned char>(c)]) << 1) | (places & stars_);
  }
  return (places & end_) != 0;
}

}  // namespace cachey::api
