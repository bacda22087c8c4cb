#include "api/s3/store_refusal.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "aws/error_document.h"
#include "base/ascii.h"
#include "base/field_lines.h"

namespace cachey::api::s3 {
namespace {

/// What S3 says of the question itself. Names of buckets and keys, ids and signatures are ours.
constexpr std::string_view kDetails[] = {"ActualPartCount",     "ArgumentName",   "ArgumentValue",
                                         "Condition",           "Method",         "PartNumber",
                                         "PartNumberRequested", "RangeRequested", "ResourceType",
                                         "StorageClass",        "VersionId"};

constexpr std::string_view kLines[] = {"last-modified", "x-amz-delete-marker", "x-amz-version-id"};

/// For a refusal without a code, and for codes that the table does not have.
std::string_view code_of_status(const PassQuestion& question, unsigned status) {
  switch (status) {
    case 403:
      return "AccessDenied";
    case 404:
      return question.key.empty() ? "NoSuchBucket" : "NoSuchKey";
    case 405:
      return "MethodNotAllowed";
    case 412:
      return "PreconditionFailed";
    case 416:
      return "InvalidRange";
    case 501:
      return "NotImplemented";
    default:
      return "InvalidRequest";
  }
}

std::string kept_lines(std::string_view lines) {
  const std::string all = lines_for_client(lines, 200);
  std::string_view rest = all;
  std::string kept;
  while (const std::optional<FieldLine> line = take_field_line(rest)) {
    if (std::ranges::find(kLines, lower_case(line->name)) != std::end(kLines)) kept += line->whole;
  }
  return kept;
}

/// Of `Content-Range: bytes */SIZE`.
std::optional<uint64_t> size_in(std::string_view lines) {
  while (const std::optional<FieldLine> line = take_field_line(lines)) {
    if (lower_case(line->name) != "content-range") continue;
    const size_t slash = line->value.find('/');
    if (slash != std::string_view::npos)
      return parse_number<uint64_t>(line->value.substr(slash + 1));
  }
  return std::nullopt;
}

}  // namespace

Refusal store_refusal(const PassQuestion& question, unsigned status, std::string_view document,
                      std::string_view lines) {
  aws::ErrorDocument said = aws::parse_error_document(document);
  const aws::ErrorCode* known = said.code.empty() ? nullptr : aws::find_error_code(said.code);
  if (known == nullptr || known->message.empty()) {
    known = aws::find_error_code(code_of_status(question, status));
  }
  Refusal refusal{.code = known, .message = std::move(said.message)};
  refusal.store_code = std::move(said.code);
  refusal.store_status = status;
  refusal.lines = kept_lines(lines);
  for (aws::ErrorDetail& detail : said.details) {
    if (std::ranges::find(kDetails, detail.name) != std::end(kDetails))
      refusal.details.push_back(std::move(detail));
  }
  if (status == 416)
    refusal.object_size = said.actual_object_size ? said.actual_object_size : size_in(lines);
  return refusal;
}

}  // namespace cachey::api::s3
