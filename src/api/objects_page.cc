#include "api/objects_page.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/query.h"
#include "api/reply.h"
#include "base/escape.h"

namespace cachey::api {
namespace {

using Json = nlohmann::ordered_json;

Json tier_json(const cache::ObjectSummary::InTier& tier) {
  return {{"pages", tier.pages}, {"bytes", tier.bytes}};
}

Json object_json(std::string_view kind, std::string_view key, const cache::ObjectSummary& object,
                 MonoTime now) {
  Json json;
  json["kind"] = kind;
  json["key"] = key;
  json["size"] = object.size ? Json(*object.size) : Json();
  json["etag"] = object.etag.empty() ? Json() : Json(object.etag);
  json["memory"] = tier_json(object.memory);
  json["disk"] = tier_json(object.disk);
  json["fills"] = object.fills;
  json["pinned"] = object.pinned;
  json["idle_seconds"] =
      object.last_read == MonoTime{}
          ? Json()
          : Json(std::chrono::duration_cast<std::chrono::seconds>(now - object.last_read).count());
  return json;
}

std::string_view where_of(cache::ObjectRun::Where where) {
  switch (where) {
    case cache::ObjectRun::Where::kMemory:
      return "memory";
    case cache::ObjectRun::Where::kDisk:
      return "disk";
    case cache::ObjectRun::Where::kFilling:
      break;
  }
  return "filling";
}

/// Entity tags of a store may be of any bytes.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

rt::Task<void> ObjectsPage::handle(rt::Worker& worker, const net::Request& request,
                                   Permit /*permit*/, net::ResponseWriter& writer) {
  Result<ObjectsQuery> query = parse_objects_query(query_part(request.target()));
  if (!query) return reply_error(writer, std::move(query.error()));
  if (!query->scope.is_object()) return list(worker, std::move(*query), writer);
  return look(worker, cache::ObjectKey{query->scope.kind(), query->scope.text()}, writer);
}

rt::Task<void> ObjectsPage::list(rt::Worker& worker, ObjectsQuery query,
                                 net::ResponseWriter& writer) {
  Result<cache::Listing> listing = co_await cache_.inspection().list(
      worker, std::move(query.scope), std::move(query.after), query.limit);
  if (!listing) {
    if (listing.error().kind() != ErrorKind::kOverloaded)
      co_return co_await reply_error(writer, std::move(listing.error()));
    net::ResponseHead busy(409);
    busy.add("Retry-After", "1");
    co_return co_await reply_text(writer, busy, kPlainText,
                                  "another listing is being made; ask again later\n");
  }
  Json json;
  json["objects"] = Json::array();
  const MonoTime now = cache_.clock().mono();
  for (const auto& [name, object] : listing->objects)
    json["objects"].push_back(object_json(name.first, name.second, object, now));
  json["next"] = Json();
  if (listing->has_more) {
    const auto& last = listing->objects.rbegin()->first;
    std::string next;
    percent_encode(last.first, Slashes::kEscape, next);
    json["next"] = next + "/" + last.second;
  }
  json["complete"] = listing->is_complete;
  const std::string text = text_of(json);
  co_await reply_text(writer, net::ResponseHead(200), "application/json", text);
}

rt::Task<void> ObjectsPage::look(rt::Worker& worker, cache::ObjectKey key,
                                 net::ResponseWriter& writer) {
  Result<cache::ObjectDetails> details = co_await cache_.inspection().look(worker, key);
  if (!details) co_return co_await reply_error(writer, std::move(details.error()));
  Json json = object_json(key.kind, key.object, details->summary, cache_.clock().mono());
  json["runs"] = Json::array();
  for (const cache::ObjectRun& run : details->runs) {
    json["runs"].push_back({{"where", where_of(run.where)},
                            {"first", run.range.begin},
                            {"last", run.range.end - 1},
                            {"part", run.is_part}});
  }
  json["more"] = details->has_more;
  const std::string text = text_of(json);
  co_await reply_text(writer, net::ResponseHead(200), "application/json", text);
}

}  // namespace cachey::api
