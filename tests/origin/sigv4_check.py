"""Checks AWS Signature Version 4 on the raw bytes of a request, as an S3 server does.

The code shares nothing with the signer under test. The request target is used as received: a path that is
not in S3's canonical encoding (every byte except unreserved ones and "/" percent-encoded once, upper-case
hex, dot segments and empty segments kept) is refused even if it was signed that way, because a real store
decodes the path and encodes it again before it compares.
"""

import dataclasses
import datetime
import hashlib
import hmac
import re
import urllib.parse

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW_SECONDS_MAX = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})"
)


@dataclasses.dataclass(frozen=True)
class Credentials:
    access_key: str = "AKIDEXAMPLEFORTESTS0"
    secret_key: str = "not/a/secret+ScriptedOriginSecretKey0000"
    session_token: str = ""
    region: str = "us-east-1"


class Refused(Exception):
    """The request's signature is wrong. `code` is S3's error code."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


def encode(raw, safe=""):
    return urllib.parse.quote(raw, safe=safe + "-_.~")


def canonical_path(path):
    return encode(urllib.parse.unquote_to_bytes(path), safe="/")


def _canonical_query(query):
    pairs = []
    for piece in query.split("&") if query else []:
        name, _, value = piece.partition("=")
        pairs.append((encode(urllib.parse.unquote_to_bytes(name)),
                      encode(urllib.parse.unquote_to_bytes(value))))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_request(method, target, headers, signed_names, payload_hash):
    """`headers`: (name, value) pairs as received. `target`: the request target as received."""
    path, _, query = target.partition("?")
    lines = [method, path, _canonical_query(query)]
    for name in signed_names:
        values = [value for key, value in headers if key.lower() == name]
        if not values:
            raise Refused("SignatureDoesNotMatch", f"signed header {name} was not sent")
        joined = ",".join(" ".join(value.strip(" \t").split()) for value in values)
        lines.append(f"{name}:{joined}")
    lines += ["", ";".join(signed_names), payload_hash]
    return "\n".join(lines)


def signature(secret_key, date, region, service, canonical, timestamp):
    key = ("AWS4" + secret_key).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    scope = f"{date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    text = "\n".join((_ALGORITHM, timestamp, scope, digest))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _single(headers, name):
    values = [value for key, value in headers if key.lower() == name]
    if len(values) != 1:
        raise Refused("AccessDenied", f"{len(values)} {name} headers where one is due")
    return values[0].strip()


def _check_signed_names(names, headers):
    if list(names) != sorted(set(names)):
        raise Refused("AuthorizationHeaderMalformed", "SignedHeaders is not sorted")
    sent = {name.lower() for name, _ in headers}
    due = {name for name in sent if name.startswith("x-amz-")} | {"host"} | ({"range"} & sent)
    if not due <= set(names):
        raise Refused("AccessDenied", f"not signed: {sorted(due - set(names))}")


def _check_scope(credential, credentials, timestamp, service="s3"):
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or parts[3] != service:
        raise Refused("AuthorizationHeaderMalformed", f"credential scope {credential!r}")
    if parts[0] != credentials.access_key:
        raise Refused("InvalidAccessKeyId", f"unknown access key {parts[0]!r}")
    if parts[2] != credentials.region:
        raise Refused("AuthorizationHeaderMalformed", f"the region {parts[2]!r} is wrong")
    if not timestamp.startswith(parts[1]):
        raise Refused("SignatureDoesNotMatch", "the scope's date is not that of x-amz-date")


def _check_time(timestamp, now):
    try:
        signed_at = datetime.datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise Refused("AccessDenied", f"x-amz-date {timestamp!r}") from None
    signed_at = signed_at.replace(tzinfo=datetime.timezone.utc)
    if abs((now - signed_at).total_seconds()) > _SKEW_SECONDS_MAX:
        raise Refused("RequestTimeTooSkewed", f"signed at {timestamp}, now is {now}")


def check(method, target, headers, credentials, now=None):
    """Raises Refused if the signature is wrong."""
    found = _AUTHORIZATION.fullmatch(_single(headers, "authorization"))
    if not found:
        raise Refused("AuthorizationHeaderMalformed", "cannot read the Authorization header")
    credential, names, given = found.group(1), found.group(2).split(";"), found.group(3)
    timestamp = _single(headers, "x-amz-date")
    _check_scope(credential, credentials, timestamp)
    _check_time(timestamp, now or datetime.datetime.now(datetime.timezone.utc))
    _check_signed_names(names, headers)
    payload_hash = _single(headers, "x-amz-content-sha256")
    if payload_hash not in (EMPTY_SHA256, "UNSIGNED-PAYLOAD"):
        raise Refused("XAmzContentSHA256Mismatch", f"payload hash {payload_hash!r} of an empty body")
    if credentials.session_token:
        if _single(headers, "x-amz-security-token") != credentials.session_token:
            raise Refused("InvalidToken", "the session token is wrong")
    path = target.partition("?")[0]
    if canonical_path(path) != path:
        raise Refused("SignatureDoesNotMatch", f"path {path!r} is not in canonical encoding")
    canonical = canonical_request(method, target, headers, names, payload_hash)
    date, region = timestamp[:8], credentials.region
    due = signature(credentials.secret_key, date, region, "s3", canonical, timestamp)
    if not hmac.compare_digest(due, given):
        raise Refused("SignatureDoesNotMatch", f"due for canonical request:\n{canonical}")


def check_sts(target, headers, body, credentials):
    """As check(), for a POST of a form to STS."""
    found = _AUTHORIZATION.fullmatch(_single(headers, "authorization"))
    if not found:
        raise Refused("AuthorizationHeaderMalformed", "cannot read the Authorization header")
    credential, names, given = found.group(1), found.group(2).split(";"), found.group(3)
    timestamp = _single(headers, "x-amz-date")
    _check_scope(credential, credentials, timestamp, "sts")
    _check_signed_names(names, headers)
    if credentials.session_token and _single(headers, "x-amz-security-token") != credentials.session_token:
        raise Refused("InvalidClientTokenId", "the session token is wrong")
    canonical = canonical_request("POST", target, headers, names, hashlib.sha256(body).hexdigest())
    due = signature(credentials.secret_key, timestamp[:8], credentials.region, "sts", canonical, timestamp)
    if not hmac.compare_digest(due, given):
        raise Refused("SignatureDoesNotMatch", f"due for canonical request:\n{canonical}")
