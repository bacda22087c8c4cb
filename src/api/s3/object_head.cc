#include "api/s3/object_head.h"

#include <array>

#include "api/c0_status.h"
#include "api/object_body.h"
#include "base/escape.h"
#include "base/http_date.h"

namespace cachey::api::s3 {
namespace {

constexpr std::array kSameForObjects = {net::Field("Accept-Ranges", "bytes"),
                                        net::Field("Server", "cachey"),
                                        net::Field("x-amz-id-2", "cachey")};

/// S3's tags have quotes; some stores send none.
bool has_quotes(std::string_view tag) { return tag.ends_with('"'); }

/// The lines of an answer that come from the object's attributes.
class Lines {
 public:
  explicit Lines(const ObjectHead& object) {
    const ObjectAttributesPtr& attributes = object.source.info.attributes;
    if (attributes == nullptr) return;
    attributes_ = attributes->lines();
    if (object.status == 304) {
      attributes_ = own_ = lines_of_not_modified(attributes_);
    } else if (object.question.overrides != nullptr) {
      attributes_ = own_ = object.question.overrides->applied_to(attributes_);
    }
    // With a part of an object the SDKs check them against the part.
    if (object.status == 200 && object.question.checksums)
      checksums_ = attributes->checksum_lines();
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  [[nodiscard]] std::string_view attributes() const { return attributes_; }
  [[nodiscard]] std::string_view checksums() const { return checksums_; }

 private:
  std::string own_;
  std::string_view attributes_;
  std::string_view checksums_;
};

/// The lines that are made here, and not by the store. Each has a bound; all take about 600 bytes.
using OwnLines = BoundedText<768>;

OwnLines own_lines(const ObjectHead& object) {
  const ObjectInfo& info = object.source.info;
  OwnLines own;
  own.add("x-amz-request-id: ").add(object.question.spec->request_id).add("\r\n");
  std::string_view ends;
  if (object.status == 206) {
    own.add("Content-Range: ");
    ends = add_content_range(own, object.range, info.size);
    own.add("\r\n");
  }
  if (object.parts_count != 0)
    own.add("x-amz-mp-parts-count: ").add(object.parts_count).add("\r\n");
  if (info.last_modified != 0)
    own.add("Last-Modified: ").add(HttpDate(info.last_modified).view()).add("\r\n");
  if (object.plain) return own;
  own.add("X-Cache: ").add(to_string(object.word)).add("\r\n");
  if (object.reader == nullptr) return own;
  if (object.reader->range() != object.range) ends = {};
  own.add("C0-Status: ");
  add_c0_status(own, *object.reader, ends);
  own.add("\r\n");
  return own;
}

net::CacheStatus cache_status_of(CacheWord word) {
  return word == CacheWord::kMiss ? net::CacheStatus::kMiss : net::CacheStatus::kHit;
}

}  // namespace

void start_object(net::ResponseWriter& writer, const ObjectHead& object) {
  static const net::ConstantFields kConstants(kSameForObjects);
  const ObjectInfo& info = object.source.info;
  net::ResponseHead head(object.status);
  head.set_constants(kConstants);
  std::string quoted;
  if (!info.etag.empty() && !has_control(info.etag)) {
    if (!has_quotes(info.etag)) quoted.append("\"").append(info.etag).append("\"");
    head.add("ETag", quoted.empty() ? info.etag : quoted);
  }
  const OwnLines own = own_lines(object);
  head.add_lines(own.view());
  const Lines lines(object);
  if (!lines.attributes().empty()) head.add_lines(lines.attributes());
  if (!lines.checksums().empty()) head.add_lines(lines.checksums());
  head.set_cache_status(cache_status_of(object.word));
  head.set_rest_may_miss(object.reader != nullptr && rest_may_miss(*object.reader));
  head.set_content_length(object.status == 304 ? 0 : object.range.size());
  if (object.trailers) head.set_trailer_name("C0-Status");
  writer.start(head);
}

}  // namespace cachey::api::s3
