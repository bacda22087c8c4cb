#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <forward_list>
#include <string>
#include <string_view>

#include "net/http/http.h"

namespace cachey::net::http2 {

/// The fields of a response, or its trailers, in the form that nghttp2 takes and copies. nghttp2
/// makes the names lower case. Refers to the text of the fields.
class FieldList {
 public:
  explicit FieldList(size_t count) { fields_.reserve(count); }

  /// Trims the value, and replaces its control characters.
  void add(std::string_view name, std::string_view value);
  /// A field of ConstantFields: neither checked nor copied, and kept in the encoder's table.
  void add_constant(const Field& field);

  [[nodiscard]] const nghttp2_nv* data() const { return fields_.data(); }
  [[nodiscard]] size_t size() const { return fields_.size(); }

  /// :status, date, content-length, trailer.
  static constexpr size_t kOwnFieldsMax = 4;

 private:
  boost::container::small_vector<nghttp2_nv, ResponseHead::kFieldsMax + kOwnFieldsMax> fields_;
  std::forward_list<std::string> cleaned_;  // values that had control characters
};

}  // namespace cachey::net::http2
