#include "api/s3/endpoint.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string>
#include <utility>

#include "api/client.h"
#include "api/request_id.h"
#include "api/s3/object_head.h"
#include "base/ascii.h"
#include "cache/object_look.h"

namespace cachey::api::s3 {
namespace {

constexpr std::string_view kChecksumMode = "x-amz-checksum-mode";

bool is_about_object(Operation operation) {
  return operation == Operation::kGetObject || operation == Operation::kHeadObject ||
         operation == Operation::kGetPart || operation == Operation::kHeadPart;
}

/// A short tail comes from the store without the page around it: the footer of a file is often all
/// that is read of the file. If-Range may void the range, so that all of the object is wanted.
cache::Wishes wishes_of(const AskedRange& range, const Preconditions& conditions) {
  cache::Wishes wishes;
  wishes.own_buckets = true;
  wishes.exact = range.form == AskedRange::Form::kTail && range.tail_bytes > 0 &&
                 range.tail_bytes <= cache::kTailBytesMax && !conditions.has_if_range();
  return wishes;
}

/// The part that a request asks for; 0: none.
std::expected<uint32_t, Refusal> part_of(const net::Request& request, const Target& target) {
  if (target.operation != Operation::kGetPart && target.operation != Operation::kHeadPart) return 0;
  const std::string_view text = target.parameter("partNumber").value_or("");
  const std::optional<uint32_t> number = parse_part_number(text);
  if (!number) {
    return std::unexpected(Refusal::invalid_argument(
        "partNumber", text, "Part number must be an integer between 1 and 10000, inclusive."));
  }
  if (request.field("range").value_or("").empty()) return *number;
  return std::unexpected(Refusal::of(
      "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"));
}

/// `key`: that signed the request; empty: none.
std::string client_named(const net::Request& request, std::string_view key) {
  return key.empty() ? client_of_address(request.client_address()) : client_of_key(key);
}

constexpr std::array kLocationFields = {
    net::Field("Content-Type", "application/xml"), net::Field("Cache-Control", "no-store"),
    net::Field("Server", "cachey"), net::Field("x-amz-id-2", kHostId)};

/// S3 says nothing for the region that it had first.
std::string location_document(std::string_view region) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}"
      "</LocationConstraint>",
      region == "us-east-1" ? "" : region);
}

}  // namespace

/// What the fields of a request ask, and the parameters that a presigned URL has instead.
struct Endpoint::Fields {
  bool for_store = false;
  bool checksums = false;
  RequestCacheControl cache_control{};

  Fields(const net::Request& request, const Target& target) {
    for (const net::Field& field : request.fields()) {
      cache_control.add(field);
      if (field.name.starts_with("x-amz-")) add(field.name, field.value);
    }
    for (const aws::NamedValue& parameter : target.parameters)
      add(lower_case(parameter.name), parameter.value);
    if (cache_control.no_store) cache_control.age_max = RequestCacheControl::Seconds(0);
  }

  /// `name`: in lower case.
  void add(std::string_view name, std::string_view value) {
    for_store = for_store || is_for_store(name);
    if (name == kChecksumMode) checksums = checksums || lower_case(value) == "enabled";
  }
};

Endpoint::Endpoint(EndpointConfig config, cache::Cache& cache, origin::Forwarder* forwarder,
                   Throughput& egress, Metrics& metrics, Random& random)
    : clients_(std::move(config.keys), config.external_hosts, config.workers, cache.clock()),
      config_(std::move(config)),
      cache_(cache),
      random_(random),
      rules_(config_.rules),
      metrics_(metrics),
      pass_through_(
          {.region = config_.region, .plain = config_.plain, .aliases = config_.aliases.all()},
          forwarder, metrics_, egress, cache.clock(), metrics),
      parts_(forwarder, pass_through_.places(), cache.clock(), metrics, config_.part_bytes,
             [&cache](int64_t bytes) { cache.memory().charge(bytes); }),
      get_object_(cache, parts_, metrics_, pass_through_, config_.hosts, egress, config_.stale_max,
                  config_.plain) {
  metrics.read_gauge("cachey_s3api_buckets_out",
                     "Buckets whose store does not answer, so that stale objects are served",
                     [this] { return static_cast<double>(get_object_.outages().buckets_out()); });
  metrics.read_gauge("cachey_s3api_parts_known", "Parts of objects whose place is known",
                     [this] { return static_cast<double>(parts_.known().entries()); });
}

rt::Task<void> Endpoint::handle(rt::Worker& worker, const net::Request& request, Permit permit,
                                net::ResponseWriter& writer) {
  std::string id(request.id().empty() ? RequestId(random_).text() : request.id());
  std::expected<Target, const aws::ErrorCode*> target = parse_target(request, config_.hosts);
  if (net::RequestNotes* const notes = request.notes(); notes != nullptr) {
    notes->operation = to_string(target ? target->operation : Operation::kOther);
    if (target) notes->bucket = target->bucket;
  }
  if (!target) {
    return refuse(request, writer, Target(), std::move(id), Refusal{.code = target.error()});
  }
  if (target->operation == Operation::kOther) {
    return refuse(request, writer, std::move(*target), std::move(id),
                  Refusal::method_not_allowed());
  }
  std::expected<GrantPtr, Refusal> grant = clients_.admit(worker, request, *target, config_.hosts);
  if (grant && !(*grant)->allows(*target)) grant = std::unexpected(Refusal::of("AccessDenied"));
  if (!grant) {
    return refuse(request, writer, std::move(*target), std::move(id), std::move(grant.error()));
  }
  if (request.notes() != nullptr) request.notes()->access_key = (*grant)->access_key_id();
  const Fields fields(request, *target);
  const bool passes_by = fields.cache_control.no_store && pass_through_.can_forward();
  if (!is_about_object(target->operation) || fields.for_store || passes_by) {
    return pass(worker, request, writer, fields, std::move(*target), std::move(*grant), permit,
                std::move(id));
  }
  std::expected<ObjectQuestion, Refusal> question =
      check(request, fields, *target, **grant, permit, id);
  if (!question) {
    return refuse(request, writer, std::move(*target), std::move(id), std::move(question.error()));
  }
  if (accounts_.has_limits()) {
    return answer_limited(worker, request, writer, std::move(*question));
  }
  return get_object_.answer(worker, request, writer, std::move(*question));
}

/// Past its bandwidth a client is refused; past its misses it gets cached bytes only.
rt::Task<void> Endpoint::answer_limited(rt::Worker& worker, const net::Request& request,
                                        net::ResponseWriter& writer, ObjectQuestion question) {
  ClientLimiter::Visit visit(*accounts_.limiter, question.spec->client);
  const std::optional<Error> refusal = visit.refusal();
  if (refusal) {
    accounts_.count(worker, question.spec->client, {.limited = true});
    Target target;
    target.operation = question.operation;
    target.bucket = question.spec->key.kind;
    target.key = question.spec->key.object;
    co_await refuse(request, writer, std::move(target), question.spec->request_id,
                    Refusal::of(*refusal));
    co_return;
  }
  if (!visit.may_miss() && !question.spec->wishes.only_if_cached) {
    auto limited = std::make_shared<cache::FetchSpec>(*question.spec);
    limited->wishes.only_if_cached = true;
    limited->wishes.limited = true;
    question.spec = std::move(limited);
  }
  VisitWriter counted(worker, writer, visit, request.method() == net::Method::kHead);
  rt::Task<void> rest = get_object_.answer(worker, request, counted, std::move(question));
  if (rest.valid()) co_await std::move(rest);
}

/// What the store answers, and the location.
rt::Task<void> Endpoint::pass(rt::Worker& worker, const net::Request& request,
                              net::ResponseWriter& writer, const Fields& fields, Target target,
                              GrantPtr grant, Permit permit, std::string id) {
  if (target.operation == Operation::kGetBucketLocation) {
    const Result<AllowedBuckets> allowed =
        permit.allow(target.bucket, {}, config_.aliases.named_by(target.bucket));
    if (allowed) return tell_location(writer, std::move(id));
    Refusal refusal = Refusal::of(allowed.error());
    return refuse(request, writer, std::move(target), std::move(id), std::move(refusal));
  }
  std::expected<PassQuestion, Refusal> question = check_pass(request, fields, target, permit);
  if (!question) {
    return refuse(request, writer, std::move(target), std::move(id), std::move(question.error()));
  }
  question->request_id = std::move(id);
  question->trace = request.trace();
  question->client = client_named(request, grant->access_key_id());
  PassThrough::Sees sees;
  if (target.operation == Operation::kListBuckets) {
    sees = [this, grant = std::move(grant), permit](std::string_view bucket) {
      return grant->allows_bucket(bucket) &&
             permit.would_allow(bucket, config_.aliases.named_by(bucket));
    };
  }
  return pass_through_.answer(worker, request, writer, std::move(*question), std::move(sees));
}

std::expected<PassQuestion, Refusal> Endpoint::check_pass(const net::Request& request,
                                                          const Fields& fields,
                                                          const Target& target,
                                                          const Permit& permit) const {
  if (forward_rule_of(target.operation) == nullptr) {
    return std::unexpected(Refusal::of(
        "NotImplemented",
        "this endpoint serves reads and lists of objects and buckets, their versions, tags, ACLs "
        "and attributes; no other sub-resources"));
  }
  if (fields.cache_control.only_if_cached) return std::unexpected(Refusal::of("NotCached"));
  auto question = ask_store(target, request);
  if (!question) return std::unexpected(Refusal{.code = question.error()});
  if (target.bucket.empty()) return std::move(*question);
  Result<AllowedBuckets> buckets =
      permit.allow(target.bucket, target.key, config_.aliases.named_by(target.bucket));
  if (!buckets) return std::unexpected(Refusal::of(buckets.error()));
  question->buckets = cache_.fills().by_health(std::move(*buckets).take());
  return std::move(*question);
}

std::expected<ObjectQuestion, Refusal> Endpoint::check(const net::Request& request,
                                                       const Fields& fields, Target& target,
                                                       const Grant& grant, const Permit& permit,
                                                       std::string& id) {
  std::unique_ptr<ResponseOverrides> overrides;
  if (!target.parameters.empty()) {  // most requests have none
    auto parsed = ResponseOverrides::parse(target.parameters);
    if (!parsed) return std::unexpected(Refusal{.code = parsed.error()});
    if (!parsed->empty()) overrides = std::make_unique<ResponseOverrides>(std::move(*parsed));
  }
  std::expected<uint32_t, Refusal> part = part_of(request, target);
  if (!part) return std::unexpected(std::move(part.error()));
  const uint64_t hash = cache::KeyView{target.bucket, target.key}.hash();
  cache_.table().prefetch(hash);
  Result<AllowedBuckets> buckets =
      permit.allow(target.bucket, target.key, config_.aliases.named_by(target.bucket));
  if (!buckets) return std::unexpected(Refusal::of(buckets.error()));
  auto spec = std::make_shared<cache::FetchSpec>();
  spec->metrics = &cache_.metrics().of(target.bucket);
  spec->page_size = cache_.page_size_of(target.bucket);
  spec->buckets = std::move(*buckets).take();
  const GoodFor good_for = rules_.of(target.bucket, target.key);
  spec->key = cache::ObjectKey{target.bucket, std::move(target.key)};
  spec->request_id = std::move(id);
  spec->trace = request.trace();
  spec->client = client_named(request, grant.access_key_id());
  const bool head = request.method() == net::Method::kHead;
  spec->explain_absence = !head;  // HEAD has the status alone
  const AskedRange range = AskedRange::of(request);
  const Preconditions conditions(request, Preconditions::IfRange::kVoidsRange);
  spec->wishes = wishes_of(range, conditions);
  spec->wishes.only_if_cached = fields.cache_control.only_if_cached;
  return ObjectQuestion{.spec = std::move(spec),
                        .hash = hash,
                        .range = range,
                        .conditions = conditions,
                        .overrides = std::move(overrides),
                        .good_for = good_for,
                        .cache_control = fields.cache_control,
                        .part = *part,
                        .operation = head ? Operation::kHeadObject : Operation::kGetObject,
                        .checksums = fields.checksums};
}

/// The same for all allowed buckets, without a question to the store: clients sign for this region.
rt::Task<void> Endpoint::tell_location(net::ResponseWriter& writer, std::string id) {
  static const net::ConstantFields kConstants(kLocationFields);
  const std::string body = location_document(config_.region);
  net::ResponseHead head(200);
  head.set_constants(kConstants);
  head.add("x-amz-request-id", id);
  head.set_content_length(body.size());
  writer.start(head);
  bool sent = co_await net::offer_all(writer, body);
  if (sent) sent = co_await writer.finish(std::span<const net::Field>());
  metrics_.ended(Operation::kGetBucketLocation, sent ? Ended::kOk : Ended::kClientLeft);
}

/// `target` and `id` live until the coroutine ends.
rt::Task<void> Endpoint::refuse(const net::Request& request, net::ResponseWriter& writer,
                                Target target, std::string id, Refusal refusal) {
  metrics_.refused(target.operation, refusal.code->code);
  const RefusedRequest refused{.request = request,
                               .bucket = target.bucket,
                               .key = target.key,
                               .request_id = id,
                               .host_id = kHostId};
  co_await s3::refuse(writer, std::move(refusal), refused);
}

}  // namespace cachey::api::s3
