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
  if (text.size() > kBytesMax || text.size() - stars > kBytesWithoutStarsMax) {
    return refuse(fmt::format("must be at most {} bytes without its stars and {} with them",
                              kBytesWithoutStarsMax, kBytesMax));
  }
  if (!is_utf8(text) || has_control(text))
    return refuse("must be UTF-8 without control characters");
  BucketGlob glob;
  glob.text_ = text;
  const size_t first = std::min(text.find_first_of("*?"), text.size());
  if (first == text.size()) glob.form_ = Form::kName;
  if (first + 1 == text.size() && text.back() == '*') glob.form_ = Form::kPrefix;
  for (const char c : text) {
    if (c == '*') {
      glob.stay_ |= glob.accept_;
      continue;
    }
    if (c == '?') {
      for (States& states : glob.advance_) states |= glob.accept_;
    } else {
      glob.advance_[static_cast<unsigned char>(c)] |= glob.accept_;
    }
    glob.accept_ <<= 1;
  }
  return glob;
}

bool BucketGlob::matches(std::string_view bucket) const {
  if (form_ == Form::kName) return bucket == text_;
  if (form_ == Form::kPrefix) {
    return bucket.starts_with(std::string_view(text_).substr(0, text_.size() - 1));
  }
  States states{1};
  for (const char c : bucket) {
    states = ((states & advance_[static_cast<unsigned char>(c)]) << 1) | (states & stay_);
  }
  return (states & accept_).any();
}

/// A pattern that matches the bytes of another one takes that one's stars by stars, and then also
/// what the stars stand for. A question mark may not take a star, which may be no byte.
bool BucketGlob::covers(std::string_view other) const {
  if (other == text_) return true;
  const bool may_mistake = other.find('*') != other.npos && text_.find('?') != text_.npos;
  return !may_mistake && matches(other);
}

}  // namespace cachey::api
