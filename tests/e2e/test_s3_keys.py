"""Keys of S3 clients: what each may read, decided before the cache and the store are looked at."""

import json
import random
import re
import subprocess
import threading
import urllib.parse

import pytest

import http1
import prometheus_text
from harness import BINARY, MIB, limit, wait_until
from s3_face import PROTOCOLS, expect_error, expect_object, target
from s3_keys import Client, Key, anonymous, presign, presign_v2, sign, write_keys
from start_up import expect_bad_last, run
from test_access import reload

A = Key("AKIAOFA", limits="prefix=a/")
B = Key("AKIAOFB", "another-secret-of-B", limits="prefix=b/")
ALL = Key("AKIAOFALL", "yet+another/secret=of=all", limits="write")
FACE = ("--s3api-listen", "127.0.0.1:0")


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "keys"
    write_keys(path, A, B, ALL)
    return path


@pytest.fixture
def server(s3_server, key_file, tmp_path):
    return s3_server(*FACE, "--s3api-keys", str(key_file), "--access-log", str(tmp_path / "access.log"))


def client(server, key, protocol="h1"):
    return Client(server.s3_port, key, protocol)


def without_ids(response):
    """What a client hears, but for the id of the request."""
    body = re.sub(rb"<(RequestId|HostId|ServerTime|Expires)>[^<]*</", b"", response.body)
    fields = sorted((name.lower(), value) for name, value in response.headers
                    if name.lower() not in ("x-amz-request-id", "x-request-id", "date"))
    return response.status, fields, body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_form_of_signature_reads(server, origin, kind, protocol):
    stored = origin.put(kind, "a/x", size=1000)
    of_a = client(server, A, protocol)
    expect_object(of_a.ask("GET", (kind, "a/x")), stored)
    expect_object(of_a.ask("HEAD", (kind, "a/x")), stored, method="HEAD")
    expect_object(of_a.ask("GET", (kind, "a/x"), [("Range", "bytes=5-9")]), stored, 5, 9)
    for make in (presign, presign_v2):
        url = make(A, "GET", of_a.host, (kind, "a/x"))
        expect_object(of_a.ask_url("GET", url), stored)
        expect_object(of_a.ask_url("GET", url, [("Range", "bytes=5-9")]), stored, 5, 9)
        expect_error(of_a.ask_url("HEAD", url), 403, "SignatureDoesNotMatch", method="HEAD")
        expect_object(of_a.ask_url("HEAD", make(A, "HEAD", of_a.host, (kind, "a/x"))), stored, method="HEAD")
        named = make(A, "GET", of_a.host, f"/{kind}/a/x?response-content-type=text%2Fplain")
        assert of_a.ask_url("GET", named).header("Content-Type") == "text/plain"
        expect_error(of_a.ask_url("GET", named + "&response-expires=x"), 403, "SignatureDoesNotMatch")


def test_nobody_hears_of_what_another_may_read(server, origin, kind):
    """tigrisdata/tag#116: A has brought a/x into the cache. The others hear the same of a hit, a miss and nothing."""
    host = f"127.0.0.1:{server.s3_port}"
    stored = origin.put(kind, "a/x", size=1000)
    origin.put(kind, "a/y", size=1000)
    expect_object(client(server, A).ask("GET", (kind, "a/x")), stored)
    before = len(origin.requests())
    wrong = Key(A.access, "0123456789abcdef-no")
    strangers = {
        "B": lambda method, where, headers: client(server, B).ask(method, where, headers),
        "unknown": lambda method, where, headers: client(server, Key("AKIANOBODY")).ask(method, where, headers),
        "wrong secret": lambda method, where, headers: client(server, wrong).ask(method, where, headers),
        "anonymous": lambda method, where, headers: anonymous(server.s3_port, method, where, headers),
        "expired": lambda method, where, headers: client(server, A).ask_url(
            method, presign(A, method, host, where, expires=60, moved=-3600), headers),
        "expired v2": lambda method, where, headers: client(server, A).ask_url(
            method, presign_v2(A, method, host, where, expires=60, moved=-3600), headers),
    }
    questions = [("GET", "", []), ("HEAD", "", []), ("GET", "", [("If-None-Match", stored.etag)]),
                 ("GET", "", [("If-None-Match", "*")]), ("GET", "", [("If-Match", '"other"')]), ("GET", "", [("Range", "bytes=0-9")]),
                 ("GET", "", [("Range", "bytes=5000-")]), ("GET", "?partNumber=1", []), ("GET", "?versionId=null", []),
                 ("GET", "?tagging", []), ("GET", "?attributes", []), ("GET", "?torrent", [])]
    for who, ask in strangers.items():
        for method, query, headers in questions:
            answers = [ask(method, f"/{kind}/a/{name}{query}", headers) for name in ("x", "y", "z")]
            for answer, name in zip(answers, "xyz"):
                assert answer.status == 403, f"{who} {method} {query} {headers}: {answer.status} {answer.body[:300]!r}"
                assert answer.header("ETag") is None and answer.header("Content-Range") is None
                assert not re.search(rb"\b1000\b|ActualObjectSize", answer.body)
            if who not in ("wrong secret",):  # its StringToSign has the time
                heard = [re.sub(b"a/[xyz]", b"a/_", repr(without_ids(answer)).encode()) for answer in answers]
                assert heard[0] == heard[1] == heard[2], who
        for query in ("?list-type=2&prefix=a%2F", "?prefix=a%2F", "?prefix=a%2F&versions=", "?list-type=2", "?marker=b%2F",
                      "?list-type=2&prefix=a%2F&prefix=b%2F", "?Prefix=b%2F"):
            answer = ask("GET", f"/{kind}{query}", [])
            assert answer.status == 403, f"{who} {query}: {answer.status}"
            assert who != "B" or b"<Code>AccessDenied<" in answer.body, query  # the signature holds
    assert origin.requests()[before:] == []
    for path in ("/-/healthz", "/-/readyz"):
        assert anonymous(server.s3_port, "GET", path).status == 200


def test_codes_and_what_helps(server, origin, kind):
    origin.put(kind, "a/x", size=10)
    of_a = client(server, A)
    where = (kind, "a/x")
    found = expect_error(client(server, Key("AKIANOBODY")).ask("GET", where), 403, "InvalidAccessKeyId")
    assert found["AWSAccessKeyId"] == "AKIANOBODY"
    found = expect_error(client(server, Key(A.access, "0123456789abcdef-no")).ask("GET", where), 403, "SignatureDoesNotMatch")
    assert found["StringToSign"].startswith("AWS4-HMAC-SHA256\n") and found["CanonicalRequest"].startswith("GET\n")
    assert bytes.fromhex(found["StringToSignBytes"]) == found["StringToSign"].encode()
    assert found["AWSAccessKeyId"] == A.access and len(found["SignatureProvided"]) == 64
    expect_error(anonymous(server.s3_port, "GET", where), 403, "AccessDenied")
    expect_error(anonymous(server.s3_port, "GET", f"/{kind}/a/x?response-expires=x"), 400, "InvalidRequest")
    for moved in (-1000, 1000):
        found = expect_error(of_a.ask_url("GET", target(*where), sign(A, "GET", of_a.host, where, moved=moved)), 403,
                             "RequestTimeTooSkewed")
        assert found["MaxAllowedSkewMilliseconds"] == "900000" and found["ServerTime"] and found["RequestTime"]
    found = expect_error(of_a.ask_url("GET", presign(A, "GET", of_a.host, where, expires=60, moved=-100)), 403, "AccessDenied")
    assert found["Message"] == "Request has expired." and found["Expires"] and found["ServerTime"]
    expect_error(of_a.ask_url("GET", presign(A, "GET", of_a.host, where, expires=604801)), 400, "AuthorizationQueryParametersError")
    for past in (0, -7):
        expect_error(of_a.ask_url("GET", presign(A, "GET", of_a.host, where, expires=past)), 403, "AccessDenied")
    fields = sign(A, "GET", of_a.host, where)
    no_hash = [(name, value) for name, value in fields if name.lower() != "x-amz-content-sha256"]
    expect_error(of_a.ask_url("GET", target(*where), no_hash), 400, "InvalidRequest")
    broken = [(name, value.replace("SignedHeaders", "Signed")) for name, value in fields]
    expect_error(of_a.ask_url("GET", target(*where), broken), 400, "AuthorizationHeaderMalformed")
    for other in ("Bearer abc", "AWS AKIAOFA:c2lnbmF0dXJl", "AWS4-ECDSA-P256-SHA256 Credential=a", "Basic YTpi"):
        found = expect_error(of_a.ask_url("GET", target(*where), [("Authorization", other)]), 400, "InvalidRequest")
        assert found["Message"] == ("The authorization mechanism you have provided is not supported. "
                                    "Please use AWS4-HMAC-SHA256.")
    expect_error(of_a.ask("GET", where, unsigned=[("x-amz-meta-more", "1")]), 403, "AccessDenied")
    assert of_a.ask("GET", where, unsigned=[("x-more", "1")]).status == 200
    expect_error(client(server, B).ask("PUT", where), 405, "MethodNotAllowed")


def test_any_region_token_and_streaming_words(server, origin, kind):
    stored = origin.put(kind, "a/x", size=10)
    host, where = f"127.0.0.1:{server.s3_port}", (kind, "a/x")
    for region in ("us-east-1", "eu-central-1", "auto", "", "x" * 63):
        expect_object(client(server, A).ask_url("GET", target(*where), sign(A, "GET", host, where, region=region)), stored)
    with_token = Key(A.access, A.secret, token="TOKEN/+=")
    expect_object(client(server, with_token).ask("GET", where), stored)
    for make in (presign, presign_v2):
        expect_object(client(server, A).ask_url("GET", make(with_token, "GET", host, where)), stored)
    for word in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        headers = [("x-amz-content-sha256", word)]
        answer = client(server, A).ask("GET", where, headers)
        sent = dict(sign(A, "GET", host, where, headers))
        if sent.get("X-Amz-Content-SHA256", word) == word:  # some botocores write their own
            expect_object(answer, stored)


def test_keys_of_every_byte(server, origin, kind):
    """anomalizer/ngx_aws_auth#87, nginx/nginx-s3-gateway#53: keys and queries of any bytes, in each form of signature."""
    chance = random.Random(18)
    alphabet = [chr(c) for c in range(0x20, 0x7f)] + list("üß日é😀")
    names = ["".join(alphabet[:95]), "//a//", "a/./b/../c", "%2F%25+ +", "~!*'()@:,;&$=?#[]"]
    names += ["".join(chance.choices(alphabet, k=chance.randrange(1, 60))) for _ in range(40)]
    of_all = client(server, ALL)
    for name in names:
        stored = origin.put(kind, name, size=10)
        value = urllib.parse.quote("".join(chance.choices(alphabet, k=20)), safe="")
        where = f"{target(kind, name)}?x-id=GetObject&response-content-disposition={value}&z"
        for answer in (of_all.ask("GET", where), of_all.ask_url("GET", presign(ALL, "GET", of_all.host, where)),
                       of_all.ask_url("GET", presign_v2(ALL, "GET", of_all.host, where))):
            assert answer.status in (200, 400), f"{name!r}: {answer.status} {answer.body[:800]!r}"
            if answer.status == 200:
                expect_object(answer, stored)
        header = " ".join(chance.choices(["a", "b", "", "  ", '"q  q"', "x,y"], k=6))
        expect_object(of_all.ask("GET", (kind, name), [("x-odd", header)]), stored)


def test_what_minio_go_signs(server, origin, kind):
    """The same with minio-go's signers, in one process of Go."""
    chance = random.Random(19)
    alphabet = [chr(c) for c in range(0x20, 0x7f)] + list("üß日é😀")
    of_all = client(server, ALL)
    asked = []
    for number in range(60):
        name = "".join(chance.choices(alphabet, k=chance.randrange(1, 60))).strip("/") + "x"
        origin.put(kind, name, size=10)
        header = " ".join(chance.choices(["a", "b", "", "  ", '"q  q"', "x,y"], k=6))
        for form in ("header", "url", "url2"):
            asked.append((name, {
                "Form": form, "Method": chance.choice(("GET", "HEAD")), "Access": ALL.access, "Secret": ALL.secret,
                "URL": f"http://{of_all.host}{target(kind, name)}?x-id=GetObject&response-content-language=a%20b%2Bc",
                "Region": chance.choice(("us-east-1", "eu")), "Expires": 900, "Token": chance.choice(("", "TOKEN/+=")),
                "Headers": {"X-Odd": header} if form == "header" else {}}))
    done = subprocess.run([BINARY.parents[1] / "tools" / "s3-go-sign"], input="".join(json.dumps(one) + "\n" for _, one in asked),
                          capture_output=True, text=True, check=True, timeout=limit(30))
    signed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(signed) == len(asked)
    for (name, one), request in zip(asked, signed):
        answer = of_all.ask_url(one["Method"], request["Target"], list(request["Headers"].items()))
        assert answer.status == 200, f"{one}: {request}: {answer.body[:900]!r}"
        expect_object(answer, origin.stored(kind, name), method=one["Method"])


def test_a_reload_counts_at_once(server, origin, kind, key_file):
    """On open connections, too, while requests run; a broken file changes nothing."""
    stored = origin.put(kind, "a/x", size=MIB)
    of_a, where = client(server, A), (kind, "a/x")
    stop, statuses = threading.Event(), []

    def read_on():
        while not stop.is_set():
            statuses.append(of_a.ask("GET", where).status)
    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        with server.connect_s3() as connection:
            def again():
                return connection.exchange("GET", target(*where), sign(A, "GET", of_a.host, where), host=of_a.host)
            expect_object(again(), stored)
            key_file.write_text("AKIAOFA short\n")
            reload(server, "s3api-keys")
            expect_object(again(), stored)
            write_keys(key_file, B)
            reload(server, "keys=1")
            expect_error(again(), 403, "InvalidAccessKeyId")
    finally:
        stop.set()
        reader.join()
    assert set(statuses) <= {200, 403}
    write_keys(key_file, A)
    reload(server, "keys=1")
    expect_object(of_a.ask("GET", where), stored)
    assert "short" not in server.log() and A.secret not in server.log()


def test_a_proxy_in_front(s3_server, origin, kind, key_file):
    stored = origin.put(kind, "a/x", size=10)
    server = s3_server(*FACE, "--s3api-keys", str(key_file), "--s3api-external-host", "s3.example.test:8443",
                       "--s3api-domain", "s3.example.test")
    where = target(kind, "a/x")

    def ask(signed_host, host, path=where):
        return http1.exchange(server.s3_port, "GET", path, sign(A, "GET", signed_host, path), host=host)
    expect_object(ask("s3.example.test:8443", "10.0.0.1:9000"), stored)
    expect_object(ask("s3.example.test:8443", "s3.example.test"), stored)
    expect_object(ask("10.0.0.1:9000", "10.0.0.1:9000"), stored)
    expect_object(ask(f"{kind}.s3.example.test:8443", f"{kind}.s3.example.test", "/a/x"), stored)
    expect_error(ask("other.test", "10.0.0.1:9000"), 403, "SignatureDoesNotMatch")
    expect_error(ask("s3.example.test:8443", "other.s3.example.test"), 403, "SignatureDoesNotMatch")  # another object


def test_logs_and_metrics_tell_of_keys_and_no_secrets(server, origin, kind, tmp_path):
    origin.put(kind, "a/x", size=10)
    of_a, where = client(server, A), (kind, "a/x")
    urls = [presign(A, "GET", of_a.host, where), presign_v2(A, "GET", of_a.host, where)]
    urls.append(urls[0].replace("X-Amz-Signature", "X%2DAmz-%53ignature").replace("X-Amz-Credential", "%58-Amz-Credential"))
    signatures = [re.search(r"Signature=([^&]+)", url).group(1) for url in urls[:2]]
    for url in urls:
        assert of_a.ask_url("GET", url).status == 200
    of_a.ask("GET", where)
    client(server, Key(A.access, "0123456789abcdef-no")).ask("GET", where)
    anonymous(server.s3_port, "GET", where)
    log = tmp_path / "access.log"
    wait_until(lambda: log.read_text().count("\n") >= 6, what="the lines of the access log")
    text = log.read_text() + server.log()
    assert text.count(" key=AKIAOFA") == 4 and text.count(" key=-") == 2
    for secret in (*signatures, A.secret, "AWS4-HMAC-SHA256 Credential", "%2Faws4_request"):
        assert secret not in text
    metrics = prometheus_text.parse(server.get("/metrics").text)
    for code in ("SignatureDoesNotMatch", "AccessDenied"):
        assert prometheus_text.value(metrics, "cachey_s3api_requests_total", operation="GetObject", outcome=code) == 1


@pytest.mark.parametrize("text", ["", "# none\n", "AKIA short\n", "AKIA 0123456789abcdef more\n", "AKIA 0123456789abcdef\n" * 2])
def test_a_bad_file_is_named_without_its_contents(tmp_path, text):
    path = tmp_path / "bad-keys"
    path.write_text(text)
    path.chmod(0o600)
    done = run(*FACE, "--origin", f"dir:{tmp_path}", "--s3api-keys", str(path))
    expect_bad_last(done, "--s3api-keys", "bad-keys")
    assert "0123456789" not in done.stderr and "short" not in done.stderr
