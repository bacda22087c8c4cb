#include "origin/transport/request_head.h"

#include <utility>

namespace cachey::origin {

std::string user_agent(std::string_view app_id) {
  std::string text = "cachey/" CACHEY_VERSION;
  if (!app_id.empty()) text.append(" app/").append(app_id);
  return text;
}

RequestHead::RequestHead(std::string_view method, std::string_view target) {
  text_.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void RequestHead::add(std::string_view name, std::string_view value) {
  text_.append(name).append(": ").append(value).append("\r\n");
}

std::string RequestHead::finish() {
  text_ += "\r\n";
  return std::move(text_);
}

}  // namespace cachey::origin
