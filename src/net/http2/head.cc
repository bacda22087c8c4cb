#include "net/http2/head.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cachey::net::http2 {

Head::~Head() {
  memory_.give_back(taken_);
  if (text_.capacity() != 0) state_.spares.give(std::move(text_));
  if (request_) fields_ = request_->release_fields();
  if (fields_.capacity() != 0) state_.spares.give(std::move(fields_));
}

void Head::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + kFieldOverhead;
  if (name == ":method") set_method(value);
  if (refusal_status_ != 0) return;
  if (list_bytes_ > state_.config.head_bytes_max) return refuse(HeadFault::kTooLarge);
  if (name == ":path") {
    if (!make_room(value.size())) return;
    target_at_ = text_.size();
    target_size_ = value.size();
    text_.append(value);
  } else if (name == ":authority") {
    add_field("host", value);
  } else if (!name.starts_with(':')) {
    add_field(name, value);
  }
}

void Head::set_method(std::string_view name) {
  method_ = method_of(name);
  if (method_ == Method::kOther) other_method_ = name.substr(0, Request::kMethodBytesMax);
}

void Head::add_field(std::string_view name, std::string_view value) {
  if (fields_.size() == kHeadFieldsMax) return refuse(HeadFault::kTooManyFields);
  if (!make_room(name.size() + value.size())) return;
  if (fields_.capacity() == 0) {
    fields_ = state_.spares.take_fields();
    fields_.clear();
  }
  fields_.push_back(Field{name, value});
  text_.append(name);
  text_.append(value);
}

bool Head::make_room(size_t bytes) {
  if (text_.capacity() == 0) text_ = state_.spares.take_buffer();
  if (text_.room().size() >= bytes) return true;
  const size_t more = text_.growth(bytes);
  if (!memory_.take(more)) {
    refusal_status_ = 503;
    refusal_text_ = "too many requests with large heads";
    return false;
  }
  taken_ += more;
  text_.reserve(bytes);
  return true;
}

bool Head::conclude(const net::Connection& connection) {
  if (refusal_status_ == 0) {
    const HeadFault fault = make_request();
    if (fault != HeadFault::kNone) refuse(fault);
  }
  if (refusal_status_ != 0) return false;
  request_->set_connection(connection.client_of(request_->fields()), Protocol::kHttp2,
                           connection.peer());
  return true;
}

/// Points the fields to their text, whose block no longer grows, and makes the request.
HeadFault Head::make_request() {
  const char* const text = text_.bytes().data();
  const std::string_view target(text + target_at_, target_size_);
  if (!is_origin_form(method_, target)) return HeadFault::kBadTarget;
  size_t at = 0;
  const Field* host = nullptr;
  const auto next = [&](size_t size) {
    if (at == target_at_) at += target_size_;
    return std::string_view(text + std::exchange(at, at + size), size);
  };
  for (Field& field : fields_) {
    field.name = next(field.name.size());
    field.value = next(field.value.size());
    if (field.name != "host") continue;
    if (host != nullptr && host->value != field.value) return HeadFault::kTwoHosts;
    if (!is_host(field.value)) return HeadFault::kBadHost;
    if (host == nullptr) host = &field;
  }
  if (host == nullptr) return HeadFault::kNoHost;
  std::erase_if(fields_, [host](const Field& f) { return &f != host && f.name == "host"; });
  request_.emplace(method_, target, std::move(fields_));
  request_->set_method_name(other_method_);
  request_->set_takes_trailers(true);
  return HeadFault::kNone;
}

void Head::refuse(HeadFault fault) {
  refusal_status_ = status_of(fault);
  refusal_text_ = to_string(fault);
  state_.stats.bad_requests.fetch_add(1, std::memory_order_relaxed);
  log::debug("request refused", {{"status", refusal_status_}, {"reason", refusal_text_}});
}

}  // namespace cachey::net::http2
