"""Signed requests to the S3 endpoint over TLS, in both protocols: curl's own signatures, and presigned URLs of boto3."""

import subprocess

import boto3
import botocore.config
import pytest

from content import content
from protocols import Client

_KEY, _SECRET = "CURLKEY", "the-secret/of+curl"
_OBJECT = "dir/a b+c%25/ü=1.txt"
_PATH = "dir/a%20b%2Bc%2525/%C3%BC%3D1.txt"
_SIZE = 5000


@pytest.fixture
def server(start_server, origin, kind, tmp_path):
    origin.put(kind, _OBJECT, _SIZE, seed=1801)
    keys = tmp_path / "keys"
    keys.write_text(f"{_KEY} {_SECRET}\n", encoding="utf-8")
    keys.chmod(0o600)
    return start_server("--origin", "s3", "--tls-self", "--s3api-listen", "127.0.0.1:0", "--s3api-keys", str(keys),
                        environment=origin.environment())


def curl(protocol, server, *words):
    """(status, protocol's version, body)"""
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", *Client(protocol, server.s3_port).curl(), "-w", "\n%{http_code} %{http_version}",
                           *words], capture_output=True, timeout=20, check=True)
    body, _, line = done.stdout.rpartition(b"\n")
    status, version = line.decode().split()
    return int(status), version, body


@pytest.mark.parametrize("protocol, version", [("h1+tls", "1.1"), ("h2+tls", "2")])
def test_curl_signs(server, kind, protocol, version):
    def get(secret):
        return curl(protocol, server, "--aws-sigv4", "aws:amz:eu-north-7:s3", "--user", f"{_KEY}:{secret}", "-H",
                    "x-amz-content-sha256: UNSIGNED-PAYLOAD", f"https://127.0.0.1:{server.s3_port}/{kind}/{_PATH}")

    for _ in range(2):  # from the store, from the cache
        assert get(_SECRET) == (200, version, content(1801, 0, _SIZE))
        status, _, body = get("another")
        assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body


@pytest.mark.parametrize("signer", ["s3", "s3v4"])
@pytest.mark.parametrize("protocol, version", [("h1+tls", "1.1"), ("h2+tls", "2")])
def test_presigned_urls(server, kind, protocol, version, signer):
    client = boto3.client("s3", endpoint_url=f"https://127.0.0.1:{server.s3_port}", region_name="us-east-1", aws_access_key_id=_KEY,
                          aws_secret_access_key=_SECRET,
                          config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version=signer))
    url = client.generate_presigned_url("get_object", Params={"Bucket": kind, "Key": _OBJECT})
    assert ("X-Amz-Signature" in url) == (signer == "s3v4")
    assert curl(protocol, server, url) == (200, version, content(1801, 0, _SIZE))
    assert curl(protocol, server, "-H", "Range: bytes=-7", url) == (206, version, content(1801, _SIZE - 7, 7))
    status, _, body = curl(protocol, server, url.replace(kind, f"{kind}0"))
    assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body
