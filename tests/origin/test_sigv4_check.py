"""The signature checker against AWS's published S3 example and against botocore's signer."""

import dataclasses
import datetime
import random

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import sigv4_check
from sigv4_check import Credentials, Refused

EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXAMPLE_TIME = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)
EXAMPLE_SIGNATURE = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def example_headers(sig=EXAMPLE_SIGNATURE):
    return [
        ("Host", "examplebucket.s3.amazonaws.com"),
        ("Range", "bytes=0-9"),
        ("x-amz-content-sha256", sigv4_check.EMPTY_SHA256),
        ("x-amz-date", "20130524T000000Z"),
        ("Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
         f"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature={sig}"),
    ]


def test_the_published_get_object_example_holds():
    sigv4_check.check("GET", "/test.txt", example_headers(), EXAMPLE, EXAMPLE_TIME)


@pytest.mark.parametrize("change", ["signature", "method", "path", "query", "range", "secret", "unsigned"])
def test_any_change_to_the_example_is_refused(change):
    headers, method, target, who = example_headers(), "GET", "/test.txt", EXAMPLE
    if change == "signature":
        headers = example_headers("0" * 64)
    elif change == "method":
        method = "HEAD"
    elif change == "path":
        target = "/test.txu"
    elif change == "query":
        target = "/test.txt?x-id=GetObject"
    elif change == "range":
        headers[1] = ("Range", "bytes=0-8")
    elif change == "secret":
        who = dataclasses.replace(EXAMPLE, secret_key="wrong")
    else:
        headers.append(("x-amz-checksum-mode", "ENABLED"))
    with pytest.raises(Refused) as refused:
        sigv4_check.check(method, target, headers, who, EXAMPLE_TIME)
    assert refused.value.code == ("AccessDenied" if change == "unsigned" else "SignatureDoesNotMatch")


def test_an_old_signature_is_refused():
    late = EXAMPLE_TIME + datetime.timedelta(minutes=16)
    with pytest.raises(Refused) as refused:
        sigv4_check.check("GET", "/test.txt", example_headers(), EXAMPLE, late)
    assert refused.value.code == "RequestTimeTooSkewed"


def signed_by_botocore(target, who):
    """The headers that botocore's S3 signer adds to a GET of `target`."""
    request = botocore.awsrequest.AWSRequest(
        method="GET", url=f"http://127.0.0.1:9000{target}",
        headers={"Host": "127.0.0.1:9000", "Range": "bytes=0-16777215", "x-amz-checksum-mode": "ENABLED"})
    keys = botocore.credentials.Credentials(who.access_key, who.secret_key, who.session_token or None)
    signer = botocore.auth.S3SigV4Auth(keys, "s3", who.region)
    request.context["payload_signing_enabled"] = True
    signer.add_auth(request)
    return [(name, value) for name, value in request.headers.items()]


@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2VjEXAMPLETOKEN=="])
def test_botocore_signatures_of_odd_keys_hold(token):
    who = Credentials(session_token=token)
    source = random.Random(20260102)
    alphabet = "ab/.+% ~!*'()@:,;&$?#=\"\tü日😀"
    keys = ["dir/a b+c=d.bin", "a/.././/b.txt", "über/~!*'()@:,;&$.日", "a%2Fb", "//"]
    keys += ["".join(source.choice(alphabet) for _ in range(20)) for _ in range(100)]
    for key in keys:
        path = "/bucket/" + sigv4_check.encode(key.encode(), safe="/")
        target = path + "?x-id=GetObject"
        sigv4_check.check("GET", target, signed_by_botocore(target, who), who)


@pytest.mark.parametrize("path", ["/bucket/a+b", "/bucket/a%2bb", "/bucket/%61", "/bucket/a%2Fb", "/bucket/a&b"])
def test_a_path_that_is_not_canonical_is_refused(path):
    who = Credentials()
    with pytest.raises(Refused) as refused:
        sigv4_check.check("GET", path, signed_by_botocore(path, who), who)
    assert refused.value.code == "SignatureDoesNotMatch"
