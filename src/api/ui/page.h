#pragma once

#include <string_view>

#include "api/route.h"

namespace cachey::api {

/// `/ui`: the status page, a constant document that tells nothing of this server. Its script asks
/// `/ui/data`. Compressed if the client takes gzip; 304 if the client has the document. Any worker.
class UiPage final : public RouteHandler {
 public:
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;
};

/// `/` at an admin address: leads to `/ui`. Any worker.
class UiHome final : public RouteHandler {
 public:
  [[nodiscard]] rt::Task<void> handle(rt::Worker& worker, const net::Request& request,
                                      Permit permit, net::ResponseWriter& writer) override;
};

/// Adds what keeps a document of the status page to itself: its policy, no guesses about its type,
/// no address in Referer. `policy` outlives the head.
void add_ui_policy(std::string_view policy, net::ResponseHead& head);

}  // namespace cachey::api
