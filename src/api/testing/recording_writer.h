#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/field_lines.h"
#include "net/http/http.h"

namespace cachey::api {

/// A client that reads at once and keeps the response, or leaves.
class RecordingWriter final : public net::ResponseWriter {
 public:
  void start(const net::ResponseHead& head) override {
    status = head.status();
    length = head.content_length();
    if (head.constants() != nullptr) {
      for (const net::Field& field : head.constants()->fields()) {
        fields[std::string(field.name)] = field.value;
      }
    }
    for (const net::Field& field : head.fields()) fields[std::string(field.name)] = field.value;
    for (std::string_view prepared : head.lines()) {
      lines += prepared;
      while (const std::optional<FieldLine> line = take_field_line(prepared))
        fields[std::string(line->name)] = line->value;
    }
  }
  size_t offer(std::span<const iovec> body) override {
    size_t bytes = 0;
    for (const iovec& part : body) {
      text.append(static_cast<const char*>(part.iov_base), part.iov_len);
      bytes += part.iov_len;
    }
    return bytes;
  }
  rt::Task<bool> writable() override { co_return true; }
  rt::Task<bool> flush() override { co_return true; }
  rt::Task<bool> finish(std::span<const net::Field>) override { co_return finished = true; }
  std::optional<bool> try_finish(std::span<const net::Field>) override { return finished = true; }
  void abort() override { aborted = true; }
  std::stop_token client_left() override { return left_.get_token(); }

  /// The client goes away. Called on the worker's thread.
  void leave() { left_.request_stop(); }

  unsigned status = 0;
  std::optional<uint64_t> length;  ///< of the body, as the head says
  std::map<std::string, std::string> fields;
  std::string lines;  ///< prepared ones, which are in `fields`, too
  bool finished = false;
  bool aborted = false;
  std::string text;

 private:
  std::stop_source left_;
};

}  // namespace cachey::api
