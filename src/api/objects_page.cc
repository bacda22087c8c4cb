#include "api/objects_page.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <deque>
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

/// A long text in pieces. One string would be copied as a whole when its memory is full, and its
/// first pages touched at once, which holds the loop for milliseconds.
class LongText {
 public:
  void append(std::string_view text) {
    if (pieces_.empty() || pieces_.back().size() + text.size() > kPieceBytes) {
      pieces_.emplace_back();
      pieces_.back().reserve(std::max(kPieceBytes, text.size()));
    }
    pieces_.back() += text;
    size_ += text.size();
  }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t pieces() const { return pieces_.size(); }
  /// Takes the first piece out. REQUIRES: there is one.
  [[nodiscard]] std::string take_piece() {
    std::string first = std::move(pieces_.front());
    pieces_.pop_front();
    return first;
  }

 private:
  static constexpr size_t kPieceBytes = 64 * kKiB;
  std::deque<std::string> pieces_;
  size_t size_ = 0;  // with the pieces that were taken out
};

/// What a listing has while it is made and sent.
struct Held {
  cache::WalkTurn turn;
  cache::ListingCharge charge;
};

/// Sends the text, and gives turn and memory back before the last piece: a client that has the
/// whole answer gets the next turn. The response breaks off if the client does not take the text in
/// ObjectsPage::read_time(). What is left then goes piece by piece, because freeing all of it at
/// once holds the loop.
rt::Task<void> send_listing(rt::Worker& worker, net::ResponseWriter& writer, LongText text,
                            Held held) {
  std::optional<Held> until_end(std::move(held));
  rt::TimerWheel::Entry limit([&writer] { writer.abort(); });
  worker.timers().arm_after(limit, ObjectsPage::read_time(text.size()));
  net::ResponseHead head(200);
  head.add("Content-Type", "application/json");
  head.add("Cache-Control", "no-store");
  head.set_content_length(text.size());
  writer.start(head);
  bool sent = true;
  while (sent && text.pieces() > 0) {
    const std::string piece = text.take_piece();
    if (text.pieces() == 0) until_end.reset();
    sent = co_await net::offer_all(writer, piece);
  }
  if (sent) (void)co_await writer.finish(std::span<const net::Field>());
  while (text.pieces() > 0) {
    (void)text.take_piece();
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
}

/// Other work of the worker runs after each kElementsInAHold elements.
[[nodiscard]] bool ends_hold(size_t elements) { return elements % kElementsInAHold == 0; }

/// The objects leave the listing one by one, because freeing all of them at once holds the loop.
/// The text may be longer than the objects: escapes, entity tags. So `charge` follows.
rt::Task<LongText> as_json(rt::Worker& worker, cache::Listing listing, MonoTime now,
                           cache::ListingCharge& charge) {
  LongText text;
  text.append(R"({"objects":[)");
  std::string next;
  for (size_t count = 0; !listing.objects.empty();) {
    const auto object = listing.objects.extract(listing.objects.begin());
    const auto& [kind, key] = object.key();
    text.append(count > 0 ? ",\n" : "\n");
    text.append(text_of(object_json(kind, key, object.mapped(), now)));
    if (listing.has_more && listing.objects.empty()) {
      percent_encode(kind, Slashes::kEscape, next);
      next += "/" + key;
    }
    if (!ends_hold(++count)) continue;
    charge.reach(text.size());
    co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  charge.reach(text.size());
  Json rest;
  rest["next"] = listing.has_more ? Json(next) : Json();
  rest["complete"] = listing.is_complete;
  text.append("\n]," + text_of(rest).substr(1) + '\n');
  co_return text;
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
  Result<cache::Listing> listing = co_await cache_.inspection().list(
      worker, std::move(query.scope), std::move(query.after), query.limit);
  if (!listing) co_return co_await reply_error(writer, std::move(listing.error()));
  Held held{std::move(*turn), std::move(listing->charge)};
  LongText text = co_await as_json(worker, std::move(*listing), cache_.clock().mono(), held.charge);
  co_await send_listing(worker, writer, std::move(text), std::move(held));
}

rt::Task<void> ObjectsPage::look(rt::Worker& worker, cache::ObjectKey key,
                                 net::ResponseWriter& writer) {
  const PageSize size = cache_.page_size_of(key.kind);
  Result<cache::ObjectDetails> details = co_await cache_.inspection().look(worker, key, size);
  if (!details) co_return co_await reply_error(writer, std::move(details.error()));
  std::string text =
      text_of(object_json(key.kind, key.object, details->summary, cache_.clock().mono()));
  text.back() = ',';
  text += R"("runs":[)";
  for (size_t count = 0; count < details->runs.size();) {
    if (count > 0) text += ',';
    text += text_of(run_json(details->runs[count]));
    if (ends_hold(++count)) co_await rt::asio::post(worker.executor(), rt::kAwait);
  }
  text += details->has_more ? R"(],"more":true})" : R"(],"more":false})";
  text += '\n';
  co_await reply_text(writer, net::ResponseHead(200), "application/json", text);
}

}  // namespace cachey::api
