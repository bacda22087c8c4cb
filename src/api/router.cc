#include "api/router.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "api/reply.h"

namespace cachey::api {
namespace {

constexpr std::string_view kNoSuchPath = "no such path\n";
constexpr std::string_view kRoot =
    "no such path; this is Cachey, a cache of objects: GET /fetch/{kind}/{object} with a Range of "
    "both ends, /healthz\n";

}  // namespace

Router::Router(Face face, std::span<const Route> table, Access& access) : access_(access) {
  std::ranges::copy_if(table, std::back_inserter(routes_),
                       [face](const Route& route) { return overlap(route.face, face); });
}

const Route* Router::find(std::string_view path, net::Method method) const {
  const Route* first = nullptr;
  for (const Route& route : routes_) {
    if (!route.matches(path)) continue;
    if (route.takes(method)) return &route;
    if (first == nullptr) first = &route;
  }
  return first;
}

rt::Task<void> Router::handle(rt::Worker& worker, const net::Request& request,
                              net::ResponseWriter& writer) {
  const std::string_view path = request.target().substr(0, request.target().find('?'));
  const Route* const route = find(path, request.method());
  if (route == nullptr) {
    return reply_text(writer, net::ResponseHead(404), kPlainText,
                      path == "/" ? kRoot : kNoSuchPath);
  }
  if (!access_.may_admit(route->scope)) {
    return reply_text(writer, net::ResponseHead(403), kPlainText,
                      "this path needs --admin-tokens\n");
  }
  const std::optional<Permit> permit = access_.admit(route->scope, request);
  if (!permit) {
    net::ResponseHead head(401);
    head.add("WWW-Authenticate", "Bearer");
    return reply_text(writer, head, kPlainText, "a valid bearer token is required\n");
  }
  if (request.notes() != nullptr) request.notes()->token = permit->token_name();
  if (!route->takes(request.method())) {
    net::ResponseHead head(405);
    head.add("Allow", "GET, HEAD");
    return reply_text(writer, head, kPlainText, "the method must be GET or HEAD\n");
  }
  return route->handler->handle(worker, request, *permit, writer);
}

}  // namespace cachey::api
