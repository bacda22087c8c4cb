#include "origin/credentials/answers.h"

#include <fmt/format.h>
#include <strings.h>

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "aws/date.h"
#include "base/log.h"

namespace cachey::origin {
namespace {

using nlohmann::json;

bool same_key(const std::string& key, const char* name) {
  return ::strcasecmp(key.c_str(), name) == 0;
}

/// The member with either name. Null if there is none.
const json* find_member(const json& object, const char* name, const char* other_name = nullptr) {
  for (const auto& [key, value] : object.items()) {
    if (same_key(key, name) || (other_name != nullptr && same_key(key, other_name))) return &value;
  }
  return nullptr;
}

/// Empty if the member is missing or no string.
std::string text_of(const json& object, const char* name, const char* other_name = nullptr) {
  const json* member = find_member(object, name, other_name);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
}

Result<json> parse_object(std::string_view text) {
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return fail(ErrorKind::kUpstream, "the answer is no JSON object");
  return parsed;
}

std::unexpected<Error> incomplete(const char* what) {
  return fail(ErrorKind::kUpstream, fmt::format("the answer has no {}", what));
}

Result<aws::CredentialsPtr> checked(aws::Keys keys, const std::string& source) {
  if (keys.access_key_id.empty()) return incomplete("AccessKeyId");
  if (keys.secret_access_key.empty()) return incomplete("SecretAccessKey");
  return aws::make_credentials(std::move(keys), source);
}

/// `Code` of `Code` and of `sts:Code`.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node find_child(const pugi::xml_node& parent, std::string_view name) {
  return parent.find_child([name](const pugi::xml_node& node) { return local_name(node) == name; });
}

std::string child_text(const pugi::xml_node& parent, std::string_view name) {
  return find_child(parent, name).child_value();
}

bool load(pugi::xml_document& document, std::string_view xml) {
  const unsigned options =
      pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata | pugi::parse_trim_pcdata;
  return static_cast<bool>(
      document.load_buffer(xml.data(), xml.size(), options, pugi::encoding_utf8));
}

}  // namespace

Result<aws::CredentialsPtr> parse_metadata_answer(std::string_view text,
                                                  const std::string& source) {
  const Result<json> answer = parse_object(text);
  if (!answer) return std::unexpected(answer.error());
  const json* code = find_member(*answer, "Code");
  if (code != nullptr && *code != "Success") {
    return fail(ErrorKind::kDenied, fmt::format("the answer is the error {}: {}",
                                                log::quoted(text_of(*answer, "Code"), 64),
                                                log::quoted(text_of(*answer, "Message"))));
  }
  aws::Keys keys;
  keys.access_key_id = text_of(*answer, "AccessKeyId");
  keys.secret_access_key = text_of(*answer, "SecretAccessKey");
  keys.session_token = text_of(*answer, "Token", "SessionToken");
  keys.expires_at = aws::parse_timestamp(text_of(*answer, "Expiration", "ExpiresAt"));
  if (keys.session_token.empty()) return incomplete("Token");
  if (!keys.expires_at) return incomplete("Expiration that can be read");
  return checked(std::move(keys), source);
}

Result<aws::CredentialsPtr> parse_process_output(std::string_view text, const std::string& source) {
  const Result<json> answer = parse_object(text);
  if (!answer) return std::unexpected(answer.error());
  const json* version = find_member(*answer, "Version");
  if (version == nullptr || !version->is_number_integer() || *version != 1)
    return incomplete("Version 1");
  aws::Keys keys;
  keys.access_key_id = text_of(*answer, "AccessKeyId");
  keys.secret_access_key = text_of(*answer, "SecretAccessKey");
  keys.session_token = text_of(*answer, "SessionToken");
  if (const json* expiration = find_member(*answer, "Expiration");
      expiration != nullptr && !expiration->is_null()) {
    keys.expires_at = aws::parse_timestamp(text_of(*answer, "Expiration"));
    if (!keys.expires_at) return incomplete("Expiration that can be read");
  }
  return checked(std::move(keys), source);
}

Result<aws::CredentialsPtr> parse_sts_answer(std::string_view xml, std::string_view action,
                                             const std::string& source) {
  pugi::xml_document document;
  if (!load(document, xml)) return fail(ErrorKind::kUpstream, "the answer is no XML document");
  const pugi::xml_node root = document.document_element();
  if (local_name(root) != fmt::format("{}Response", action))
    return incomplete("element of the expected name");
  const pugi::xml_node result = find_child(root, fmt::format("{}Result", action));
  const pugi::xml_node element = find_child(result, "Credentials");
  aws::Keys keys;
  keys.access_key_id = child_text(element, "AccessKeyId");
  keys.secret_access_key = child_text(element, "SecretAccessKey");
  keys.session_token = child_text(element, "SessionToken");
  keys.expires_at = aws::parse_timestamp(child_text(element, "Expiration"));
  if (keys.session_token.empty()) return incomplete("SessionToken");
  if (!keys.expires_at) return incomplete("Expiration that can be read");
  return checked(std::move(keys), source);
}

aws::ErrorDocument parse_sts_error(std::string_view xml) {
  aws::ErrorDocument parsed;
  pugi::xml_document document;
  if (!load(document, xml)) return parsed;
  const pugi::xml_node root = document.document_element();
  if (local_name(root) != "ErrorResponse") return parsed;
  const pugi::xml_node error = find_child(root, "Error");
  parsed.code = child_text(error, "Code");
  parsed.message = child_text(error, "Message");
  parsed.request_id = child_text(root, "RequestId");
  return parsed;
}

}  // namespace cachey::origin
