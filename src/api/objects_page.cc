#include "api/objects_page.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "api/query.h"
#include "api/reply.h"
#include "base/escape.h"
#include "base/units.h"

namespace cachey::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kElementsInAHold = 64;
constexpr size_t kEndBytes = 64 * kKiB;  // of an answer that are sent without a turn

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

Json run_json(const cache::ObjectRun& run) {
  return {{"where", where_of(run.where)},
          {"first", run.range.begin},
          {"last", run.range.end - 1},
          {"part", run.is_part}};
}

/// Entity tags of a store may be of any bytes.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Appends an array. Other work of the worker runs after each kElementsInAHold elements.
template <typename Elements, typename ToJson>
rt::Task<void> append_array(rt::Worker& worker, const Elements& elements, ToJson to_json,
                            std::string& text) {
  size_t count = 0;
  text += '[';
  for (const auto& element : elements) {
    if (count > 0) text += ',';
    text += text_of(to_json(element));
    if (++count % kElementsInAHold == 0) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  text += ']';
}

/// Sends the text, and gives the turn back before its end: a client that has the whole answer gets
/// the next turn.
rt::Task<void> send_listing(net::ResponseWriter& writer, std::string text, cache::WalkTurn turn) {
  std::optional<cache::WalkTurn> until_end(std::move(turn));
  net::ResponseHead head(200);
  head.add("Content-Type", "application/json");
  head.add("Cache-Control", "no-store");
  head.set_content_length(text.size());
  const size_t begin_of_end = text.size() - std::min(text.size(), kEndBytes);
  const std::string end = text.substr(begin_of_end);
  text.resize(begin_of_end);
  writer.start(head);
  bool sent = co_await net::offer_all(writer, text);
  text = std::string();
  until_end.reset();
  if (sent) sent = co_await net::offer_all(writer, end);
  if (sent) (void)co_await writer.finish(std::span<const net::Field>());
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
  std::optional<cache::WalkTurn> turn = cache_.inspection().begin();
  if (!turn) {
    net::ResponseHead busy(409);
    busy.add("Retry-After", "1");
    co_return co_await reply_text(writer, busy, kPlainText,
                                  "another listing is being made or sent; ask again later\n");
  }
  Result<std::string> text = co_await list_as_json(worker, std::move(query));
  if (!text) co_return co_await reply_error(writer, std::move(text.error()));
  co_await send_listing(writer, std::move(*text), std::move(*turn));
}

rt::Task<Result<std::string>> ObjectsPage::list_as_json(rt::Worker& worker, ObjectsQuery query) {
  Result<cache::Listing> listing = co_await cache_.inspection().list(
      worker, std::move(query.scope), std::move(query.after), query.limit);
  if (!listing) co_return std::unexpected(std::move(listing.error()));
  const MonoTime now = cache_.clock().mono();
  std::string text = R"({"objects":)";
  co_await append_array(
      worker, listing->objects,
      [now](const auto& object) {
        const auto& [name, summary] = object;
        return object_json(name.first, name.second, summary, now);
      },
      text);
  Json rest;
  rest["next"] = Json();
  if (listing->has_more) {
    const auto& last = listing->objects.rbegin()->first;
    std::string next;
    percent_encode(last.first, Slashes::kEscape, next);
    rest["next"] = next + "/" + last.second;
  }
  rest["complete"] = listing->is_complete;
  text += ',' + text_of(rest).substr(1) + '\n';
  co_return text;
}

rt::Task<void> ObjectsPage::look(rt::Worker& worker, cache::ObjectKey key,
                                 net::ResponseWriter& writer) {
  const PageSize size = cache_.page_size_of(key.kind);
  Result<cache::ObjectDetails> details = co_await cache_.inspection().look(worker, key, size);
  if (!details) co_return co_await reply_error(writer, std::move(details.error()));
  std::string text =
      text_of(object_json(key.kind, key.object, details->summary, cache_.clock().mono()));
  text.back() = ',';
  text += R"("runs":)";
  co_await append_array(worker, details->runs, run_json, text);
  text += details->has_more ? R"(,"more":true})" : R"(,"more":false})";
  text += '\n';
  co_await reply_text(writer, net::ResponseHead(200), "application/json", text);
}

}  // namespace cachey::api
