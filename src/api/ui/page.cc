#include "api/ui/page.h"

#include <fmt/format.h>

#include <string>

#include "api/preconditions.h"
#include "api/reply.h"
#include "api/ui/accepts_gzip.h"
#include "api/ui/document.h"
#include "base/object_info.h"

namespace cachey::api {

void add_ui_policy(std::string_view policy, net::ResponseHead& head) {
  head.add("Content-Security-Policy", policy);
  head.add("X-Content-Type-Options", "nosniff");
  head.add("Referrer-Policy", "no-referrer");
}

rt::Task<void> UiPage::handle(rt::Worker& /*worker*/, const net::Request& request,
                              Permit /*permit*/, net::ResponseWriter& writer) {
  const UiDocument document = ui_document();
  const bool gzip = accepts_gzip(request.fields());
  // Each form of the document has a tag of its own (RFC 9110, 8.8.3.3).
  const ObjectInfo form{fmt::format("\"{}{}\"", document.digest, gzip ? "-gzip" : "")};
  const cache::Verdict verdict = Preconditions(request).judge(form);
  if (verdict == cache::Verdict::kFails) {
    const Error error(ErrorKind::kPreconditionFailed, "the page has another ETag");
    co_await reply_error(writer, error);
    co_return;
  }
  const bool sends = verdict == cache::Verdict::kHolds;
  net::ResponseHead head(sends ? 200 : 304);
  head.add("ETag", form.etag);
  head.add("Vary", "Accept-Encoding");
  head.add("Cache-Control", "no-cache");
  add_ui_policy(document.policy, head);
  const std::string_view body = gzip ? document.gzip : document.plain;
  if (sends) {
    head.add("Content-Type", "text/html; charset=utf-8");
    if (gzip) head.add("Content-Encoding", "gzip");
  }
  head.set_content_length(sends ? body.size() : 0);
  writer.start(head);
  if (sends) {
    const bool sent = co_await net::offer_all(writer, body);
    if (!sent) co_return;
  }
  (void)co_await writer.finish(std::span<const net::Field>());
}

rt::Task<void> UiHome::handle(rt::Worker& /*worker*/, const net::Request& /*request*/,
                              Permit /*permit*/, net::ResponseWriter& writer) {
  net::ResponseHead head(302);
  head.add("Location", "/ui");
  return reply_text(writer, head, kPlainText, "the status page: /ui\n");
}

}  // namespace cachey::api
