#include "aws/canonical_request.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/escape.h"

namespace cachey::aws {
namespace {

constexpr size_t kUsualBytes = 1024;

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

/// `host;range;x-amz-date`, each name once.
void append_names(std::span<const HeaderView> headers, std::string& text) {
  for (size_t i = 0; i < headers.size(); ++i) {
    if (i > 0 && headers[i].name == headers[i - 1].name) continue;
    if (i > 0) text += ';';
    text += headers[i].name;
  }
}

/// Appends the path, decoded and encoded again. False: a bad escape.
bool append_path(std::string_view path, std::string& out) {
  if (!path.contains('%')) {
    percent_encode(path, Slashes::kKeep, out);
    return true;
  }
  const std::optional<std::string> decoded = percent_decode(path);
  if (decoded) percent_encode(*decoded, Slashes::kKeep, out);
  return decoded.has_value();
}

/// Appends all that follows the path.
void append_rest(std::span<const NamedValue> query, std::span<const HeaderView> headers,
                 std::string_view payload_hash, std::string& text) {
  text += '\n';
  text += canonical_query(query);
  text += '\n';
  for (size_t i = 0; i < headers.size(); ++i) {
    const bool same_as_last = i > 0 && headers[i].name == headers[i - 1].name;
    if (same_as_last) {
      text.back() = ',';  // replaces the line feed
    } else {
      text.append(headers[i].name) += ':';
    }
    append_trimmed(headers[i].value, text);
    text += '\n';
  }
  text += '\n';
  append_names(headers, text);
  text += '\n';
  text += payload_hash;
}

}  // namespace

std::string canonical_query(std::span<const NamedValue> query) {
  std::string text;
  if (query.size() == 1) {  // nothing to sort
    percent_encode(query[0].name, Slashes::kEscape, text);
    text += '=';
    percent_encode(query[0].value, Slashes::kEscape, text);
    return text;
  }
  std::vector<std::pair<std::string, std::string>> encoded(query.size());
  for (size_t i = 0; i < query.size(); ++i) {
    percent_encode(query[i].name, Slashes::kEscape, encoded[i].first);
    percent_encode(query[i].value, Slashes::kEscape, encoded[i].second);
  }
  std::ranges::sort(encoded);
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

CanonicalRequest canonicalize(const RequestToSign& request) {
  std::vector<const NamedValue*> sorted;
  sorted.reserve(request.headers.size());
  for (const NamedValue& header : request.headers) sorted.push_back(&header);
  // Headers of one name keep their order: that is the order of the addresses.
  std::ranges::sort(sorted, {}, [](const NamedValue* header) {
    return std::pair(std::string_view(header->name), header);
  });
  std::vector<HeaderView> headers;
  headers.reserve(sorted.size());
  for (const NamedValue* header : sorted) headers.push_back({header->name, header->value});
  CanonicalRequest canonical;
  canonical.text.append(request.method).append("\n").append(request.path);
  append_rest(request.query, headers, request.payload_hash, canonical.text);
  append_names(headers, canonical.signed_headers);
  return canonical;
}

std::string canonical_text(const RequestToCheck& request) {
  std::string text;
  text.reserve(kUsualBytes);
  text.append(request.method) += '\n';
  if (!append_path(request.path, text)) return {};
  append_rest(request.query, request.headers, request.payload_hash, text);
  return text;
}

}  // namespace cachey::aws
