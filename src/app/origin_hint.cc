#include "app/origin_hint.h"

#include <string_view>

namespace cachey::app {
namespace {

/// What to do about a cause, in one sentence; empty for kUnknown.
std::string_view advice_on(ErrorCause cause) {
  switch (cause) {
    case ErrorCause::kHurried:
    case ErrorCause::kUnknown:
      return {};
    case ErrorCause::kNoCredentials:
      return "give keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a profile), or set right the "
             "source that is named above";
    case ErrorCause::kNoRegion:
      return "set AWS_REGION; stores other than AWS mostly take us-east-1 or auto";
    case ErrorCause::kBadRegion:
      return "set AWS_REGION to a region's name, such as eu-west-1";
    case ErrorCause::kUnknownAccessKey:
      return "the store does not know this access key: is it another store's, or deleted?";
    case ErrorCause::kBadSignature:
      return "the secret access key is wrong, or something on the way changes requests";
    case ErrorCause::kClockSkew:
      return "this machine's clock is wrong by more than the store allows: set it";
    case ErrorCause::kExpiredToken:
      return "the session token has expired: get new credentials";
    case ErrorCause::kBadToken:
      return "the session token is wrong, or missing: AWS_SESSION_TOKEN must be that of the keys";
    case ErrorCause::kNoSuchBucket:
      return "there is no such bucket at this store; buckets of AWS are found in their own region";
    case ErrorCause::kWrongRegion:
      return "the bucket is in another region: set AWS_REGION to the bucket's";
    case ErrorCause::kRegionNotAccepted:
      return "the region is wrong for this store or bucket: set AWS_REGION to the one that the "
             "text "
             "names";
    case ErrorCause::kAccessDenied:
      return "these credentials may not read it: allow s3:GetObject; without s3:ListBucket a "
             "missing key looks the same";
    case ErrorCause::kNoSuchKey:
      return "everything works, but there is no object of this key";
    case ErrorCause::kCertificate:
      return "trust the store's authority: SSL_CERT_FILE or AWS_CA_BUNDLE names a PEM file";
    case ErrorCause::kTlsHandshake:
      return "does the store speak TLS there? An endpoint without TLS begins with http://";
    case ErrorCause::kConnectionRefused:
      return "nobody listens there: are host and port of the endpoint right?";
    case ErrorCause::kUnknownHost:
      return "the host name is not known: is the endpoint right? For a bucket of its own host name "
             "see --s3-force-path-style";
    case ErrorCause::kNoAddress:
      return "the host name has no address: is the endpoint right?";
    case ErrorCause::kUnusableAnswer:
      return "the answer is not a store's: does the endpoint lead to an S3-compatible store?";
  }
  return {};
}

/// Whether a store that wants the bucket in the path may fail in this way.
bool may_want_path_style(const Error& error) {
  switch (error.cause()) {
    case ErrorCause::kUnknown:
    case ErrorCause::kBadSignature:
    case ErrorCause::kNoSuchBucket:
    case ErrorCause::kAccessDenied:
    case ErrorCause::kNoSuchKey:
    case ErrorCause::kCertificate:
    case ErrorCause::kTlsHandshake:
    case ErrorCause::kConnectionRefused:
    case ErrorCause::kUnknownHost:
    case ErrorCause::kNoAddress:
    case ErrorCause::kUnusableAnswer:
      return true;
    default:
      return false;
  }
}

std::string_view usual_hint(const Error& error) {
  if (error.cause() != ErrorCause::kUnknown) return advice_on(error.cause());
  if (error.kind() != ErrorKind::kTimeout) return {};
  return "no answer: a firewall may drop the packets, or the store is only reached by a proxy";
}

}  // namespace

std::string hint_for(const Error& error, Addressing addressing) {
  const std::string usual(usual_hint(error));
  if (addressing == Addressing::kUsual || !may_want_path_style(error)) return usual;
  std::string hint =
      "the bucket is in the host name, which most stores other than AWS do not take: try "
      "--s3-force-path-style";
  if (!usual.empty()) hint += "; else: " + usual;
  return hint;
}

}  // namespace cachey::app
