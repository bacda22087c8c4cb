#include "aws/canonical_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/escape.h"

namespace cachey::aws {
namespace {

/// Drops blanks at both ends; a run of blanks inside becomes one space.
void append_trimmed(std::string_view value, std::string& out) {
  bool pending = false;
  bool begun = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      pending = begun;
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    begun = true;
    out += c;
  }
}

using Headers = std::vector<const NamedValue*>;

Headers pointers_to(std::span<const NamedValue> headers) {
  Headers pointers;
  pointers.reserve(headers.size());
  for (const NamedValue& header : headers) pointers.push_back(&header);
  return pointers;
}

CanonicalRequest canonicalize(const RequestToSign& request, const Headers& headers) {
  CanonicalRequest canonical;
  std::string& text = canonical.text;
  text = fmt::format("{}\n{}\n{}\n", request.method, request.path, canonical_query(request.query));
  for (size_t i = 0; i < headers.size(); ++i) {
    const bool same_as_last = i > 0 && headers[i]->name == headers[i - 1]->name;
    if (same_as_last) {
      text.back() = ',';  // replaces the line feed
    } else {
      text += headers[i]->name;
      text += ':';
      if (i > 0) canonical.signed_headers += ';';
      canonical.signed_headers += headers[i]->name;
    }
    append_trimmed(headers[i]->value, text);
    text += '\n';
  }
  text += fmt::format("\n{}\n{}", canonical.signed_headers, request.payload_hash);
  return canonical;
}

}  // namespace

std::string canonical_query(std::span<const NamedValue> query) {
  std::vector<std::pair<std::string, std::string>> encoded(query.size());
  for (size_t i = 0; i < query.size(); ++i) {
    percent_encode(query[i].name, Slashes::kEscape, encoded[i].first);
    percent_encode(query[i].value, Slashes::kEscape, encoded[i].second);
  }
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

CanonicalRequest canonicalize(const RequestToSign& request) {
  Headers headers = pointers_to(request.headers);
  // Headers of one name keep their order: that is the order of the addresses.
  std::ranges::sort(headers, {}, [](const NamedValue* header) {
    return std::pair(std::string_view(header->name), header);
  });
  return canonicalize(request, headers);
}

CanonicalRequest canonicalize_in_order(const RequestToSign& request) {
  return canonicalize(request, pointers_to(request.headers));
}

}  // namespace cachey::aws
