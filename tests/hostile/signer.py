"""Signature Version 4 of requests without a body, in its header form and as a presigned URL."""

import hashlib
import hmac
import time
import urllib.parse

_REGION = "us-east-1"
_PAYLOAD = "UNSIGNED-PAYLOAD"


def _quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def _canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{_quote(name)}={_quote(value)}" for name, value in pairs))


class Signer:
    """One access key."""

    def __init__(self, access_key, secret_key):
        self.access_key = access_key
        self.secret_key = secret_key

    def _signature(self, method, path, query, fields, timestamp):
        canonical = "\n".join([method, path, _canonical_query(query), *(f"{name}:{value}" for name, value in fields), "",
                               ";".join(name for name, _ in fields), _PAYLOAD])
        scope = f"{timestamp[:8]}/{_REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret_key).encode()
        for part in (timestamp[:8], _REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, text.encode(), "sha256").hexdigest(), scope

    def fields(self, method, target, host):
        """The fields to add to a request to `target`, percent-encoded as it is sent."""
        path, _, query = target.partition("?")
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = [("host", host), ("x-amz-content-sha256", _PAYLOAD), ("x-amz-date", timestamp)]
        signature, scope = self._signature(method, path, query, signed, timestamp)
        names = ";".join(name for name, _ in signed)
        return [*signed[1:], ("authorization", f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                               f"SignedHeaders={names}, Signature={signature}")]

    def presigned(self, method, path, host):
        """The target of a presigned URL that is good for an hour."""
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        credential = _quote(f"{self.access_key}/{timestamp[:8]}/{_REGION}/s3/aws4_request")
        query = (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={timestamp}"
                 "&X-Amz-Expires=3600&X-Amz-SignedHeaders=host")
        signature, _ = self._signature(method, path, query, [("host", host)], timestamp)
        return f"{path}?{query}&X-Amz-Signature={signature}"


HONEST = Signer("HONESTKEY00000000001", "secret-of-the-honest-client-0000000000001")
HOSTILE = Signer("HOSTILEKEY0000000001", "secret-of-the-hostile-client-000000000002")
