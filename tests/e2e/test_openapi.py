"""docs/openapi.yaml matches the server: the tests provoke each status in it and compare each response with it."""

import json
import re
import signal

import jsonschema
import pytest
import yaml

import http1
from harness import PAGE, ROOT, wait_until
from http1 import fetch_target, range_header
from origin_model import Behaviour

FETCH = "/fetch/{kind}/{object}"
NOT_PROVOKED = {
    (FETCH, "get", "500"): "a fault of ours",
    (FETCH, "head", "500"): "a fault of ours",
    ("/admin/purge", "post", "409"): "needs a walk that lasts; src/cache/purge_test.cc",
    ("/admin/purge", "post", "503"): "needs a disk that fails; src/cache/purge_test.cc",
    ("/admin/objects", "get", "409"): "needs a walk that lasts",
    ("/admin/objects", "get", "503"): "needs a walk at the end of the server",
    ("/ui/table", "get", "503"): "needs more than 16 slow readers at once",
    ("/metrics", "get", "503"): "needs more than 16 slow readers at once",
    ("/ui/data", "get", "503"): "needs more than 16 slow readers at once; src/app/status/status_test.cc",
}
_EVERYWHERE = {"date"}  # part of HTTP
_WITH_TRAILERS = [("TE", "trailers"), ("Connection", "TE")]


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


def resolve(document, node):
    """The target of a reference; any other node unchanged."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def described(document):
    return {(path, method, status) for path, operations in document["paths"].items()
            for method, operation in operations.items() if method != "parameters" for status in operation["responses"]}


def check_schema(document, schema, value):
    schema = resolve(document, schema) | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


class Seen:
    """Checks responses against the document and records the statuses seen."""

    def __init__(self, document):
        self._document = document
        self.statuses = set()

    def check(self, path, method, answer):
        status = str(answer.status)
        responses = self._document["paths"][path][method.lower()]["responses"]
        assert status in responses, f"{method} {path} answered {status}: {answer.body[:200]!r}"
        response = resolve(self._document, responses[status])
        headers = {name.lower(): resolve(self._document, header) for name, header in response["headers"].items()}
        for name, value in answer.headers:
            if name.lower() in _EVERYWHERE | {"content-type"}:
                continue
            assert name.lower() in headers, f"{name} of {method} {path} {status} is not described"
            check_schema(self._document, headers[name.lower()]["schema"], value)
        for name, header in headers.items():
            assert not header.get("required") or answer.header(name) is not None, f"{method} {path} {status} has no {name}"
        self.statuses.add((path, method.lower(), status))
        if "content" not in response:
            assert answer.header("Content-Type") is None and not answer.body
            return answer
        assert answer.header("Content-Type") in response["content"], answer.header("Content-Type")
        if method != "HEAD":
            self._check_body(response["content"][answer.header("Content-Type")]["schema"], answer)
        return answer

    def _check_body(self, schema, answer):
        assert answer.complete
        if answer.header("Content-Type") == "application/json":
            check_schema(self._document, schema, json.loads(answer.text))
        elif answer.header("Content-Type") != "application/octet-stream":
            check_schema(self._document, schema, answer.text)


def fetch(seen, server, method, kind, key, headers=(), target=None):
    answer = server.get(target or fetch_target(kind, key), headers) if method == "GET" else \
        server.connect().exchange(method, target or fetch_target(kind, key), headers)
    return seen.check(FETCH, method, answer)


def provoke_fetches(seen, server, origin, kind, method):
    few = [range_header(0, 9)]
    once = ("C0-Config", "ma=1")
    origin.put(kind, "object", size=3 * PAGE)
    assert fetch(seen, server, method, kind, "object", few).status == 206
    assert fetch(seen, server, method, kind, "object", [*few, ("X-Request-Id", "x")]).header("X-Request-Id") == "x"
    spanning = fetch(seen, server, method, kind, "object", [range_header(PAGE - 1, 2 * PAGE), *_WITH_TRAILERS])
    if method == "GET":
        assert [name for name, _ in spanning.trailers] == ["C0-Status"] * 2
    origin.behave(kind, "bare", Behaviour(omit=("etag", "last-modified")))
    origin.put(kind, "bare", size=10)
    assert fetch(seen, server, method, kind, "bare", few).header("ETag") is None
    assert fetch(seen, server, method, kind, "object").status == 400
    assert fetch(seen, server, method, kind, "object", [("Range", "bytes=5-")]).status == 416
    assert fetch(seen, server, method, kind, "object", [range_header(4 * PAGE, 4 * PAGE)]).status == 416
    assert fetch(seen, server, method, kind, "none", few).status == 404
    assert fetch(seen, server, method, kind, "object", [*few, ("If-None-Match", "*")]).status == 304
    for name, value, status in [("C0-Exact", "1", 400), ("C0-Exact", "true", 206), ("C0-Object-Size", "none", 400),
                                ("C0-Object-Size", str(3 * PAGE), 206), ("C0-Object-Size", "5000", 409),
                                ("C0-Object-Size", "0", 416), ("Cache-Control", "only-if-cached", 206 if method == "GET" else 504)]:
        assert fetch(seen, server, method, kind, "object", [*few, (name, value)]).status == status, (name, value)
    assert fetch(seen, server, method, kind, "none", [*few, ("Cache-Control", "only-if-cached")]).status == 504
    assert fetch(seen, server, method, kind, "object", [*few, ("If-Match", '"none"')]).status == 412
    for number, (code, status) in enumerate({"AccessDenied": 403, "InvalidObjectState": 403, "SlowDown": 503,
                                              "InternalError": 502}.items()):
        origin.behave(kind, f"failing-{number}", Behaviour(code=code))
        assert fetch(seen, server, method, kind, f"failing-{number}", [*few, once]).status == status
    origin.put(kind, "slow", size=10)
    origin.behave(kind, "slow", Behaviour(delay=30))
    assert fetch(seen, server, method, kind, "slow", [*few, ("C0-Config", "ma=1 rt=50")]).status == 504


def provoke_change(seen, server, origin, kind, method):
    """409: each response of the store has another version, and the first page's fill needs two responses."""
    origin.put(kind, "changing", size=PAGE, etag='"a"')
    origin.behave(kind, "changing", Behaviour(code="PreconditionFailed"))
    assert fetch(seen, server, method, kind, "changing", [range_header(0, 9), ("C0-Config", "ma=1")]).status == 409


def provoke_unauthorized(seen, s3_server, kind, tokens):
    tokens.touch(mode=0o600)
    tokens.write_text("a-token-of-the-test\n")
    server = s3_server("--memory", "64MiB", "--ui", "--auth-tokens", str(tokens))
    for method in ("GET", "HEAD"):
        assert fetch(seen, server, method, kind, "object", [range_header(0, 9)]).status == 401
    for path in ("/stats", "/metrics", "/ui/table"):
        assert seen.check(path, "GET", server.get(path)).status == 401


def provoke_status(seen, s3_server, tokens):
    server = s3_server("--memory", "64MiB", "--admin-listen", "127.0.0.1:0", "--auth-tokens", str(tokens))
    port = int(re.search(r"admin_address=127\.0\.0\.1:(\d+)", server.log())[1])
    token = ("Authorization", f"Bearer {tokens.read_text().strip()}")

    def ask(method, query, *headers):
        return seen.check("/ui/data", method, http1.exchange(port, method, f"/ui/data{query}", headers))

    assert ask("GET", "").status == 401
    assert ask("GET", "?since=x", token).status == 400
    assert ask("POST", "", token).status == 405
    wait_until(lambda: json.loads(ask("GET", "", token, ("X-Request-Id", "u")).text)["rows"], what="a row")


def provoke_purges(seen, s3_server, tokens):
    port = re.compile(r"admin_address=127\.0\.0\.1:(\d+)")
    admin = ("--memory", "64MiB", "--admin-listen", "127.0.0.1:0")
    for server, status in ((s3_server(*admin), 403), (s3_server(*admin, "--admin-tokens", str(tokens)), 200)):
        def ask(method, query, *headers, of=server, path="/admin/purge"):
            return seen.check(path, method, http1.exchange(int(port.search(of.log())[1]), method, f"{path}{query}", headers))

        def look(query, *headers, method="GET", of=server):
            return ask(method, query, *headers, of=of, path="/admin/objects").status

        token = ("Authorization", f"Bearer {tokens.read_text().strip()}")
        assert ask("POST", "?all=true", token).status == look("", token) == status
        if status == 403:
            continue
        assert ask("POST", "?kind=k&object=o", token, ("X-Request-Id", "z")).status == 200
        assert ask("POST", "?all=1", token).status == 400
        assert ask("POST", "?all=true").status == ask("GET", "?all=true").status == 401
        assert ask("GET", "?all=true", token).status == look("", token, method="POST") == 405
        assert look("", token, ("X-Request-Id", "z")) == 200
        assert look("?limit=0", token) == 400
        assert look("") == 401
        assert look("?kind=k&object=o", token) == 404


def provoke_no_room(seen, s3_server, origin, kind):
    origin.put(kind, "large", size=10 * PAGE)
    server = s3_server("--memory", "64MiB")
    warm = ("C0-Config", "warm=1")
    assert fetch(seen, server, "HEAD", kind, "large", [range_header(0, 9), warm]).header("C0-Warm")
    assert fetch(seen, server, "HEAD", kind, "large", [range_header(0, 10 * PAGE), warm]).status == 507


def provoke_limited(seen, s3_server, origin, kind):
    origin.put(kind, "limited", size=PAGE)
    server = s3_server("--client-bandwidth", "1000")
    assert fetch(seen, server, "GET", kind, "limited", [range_header(0, 200_000)]).status == 206
    wait_until(lambda: fetch(seen, server, "GET", kind, "limited", [range_header(0, 9)]).status == 429, what="the charge")
    for method in ("GET", "HEAD"):
        assert int(fetch(seen, server, method, kind, "limited", [range_header(0, 9)]).header("Retry-After")) > 60


def test_every_status_is_provoked_and_every_answer_is_as_described(document, disk_server, s3_server, origin, kind, tmp_path):
    server = disk_server("--ui", memory="256MiB", capacity="64MiB")
    seen = Seen(document)
    for method in ("GET", "HEAD"):
        name = f"{kind}-{method.lower()}"
        provoke_fetches(seen, server, origin, name, method)
        provoke_change(seen, server, origin, name, method)
    for path in ("/stats", "/metrics", "/healthz", "/readyz", "/ui", "/ui/table"):
        for headers in ([], [("X-Request-Id", "y")]):
            assert seen.check(path, "GET", server.get(path, headers)).status == 200
    for headers, status in (([("If-None-Match", "*")], 304), ([("If-Match", '"none"')], 412)):
        assert seen.check("/ui", "GET", server.get("/ui", headers)).status == status
    for path in set(document["paths"]) - {"/admin/purge", "/admin/objects", "/ui/data"}:
        target = fetch_target(kind, "object") if path == FETCH else path
        assert seen.check(path, "POST", server.connect().exchange("POST", target)).status == 405
    provoke_unauthorized(seen, s3_server, kind, tmp_path / "tokens")
    provoke_status(seen, s3_server, tmp_path / "tokens")
    provoke_purges(seen, s3_server, tmp_path / "tokens")
    provoke_no_room(seen, s3_server, origin, kind)
    provoke_limited(seen, s3_server, origin, kind)
    provoke_not_ready(seen, server, origin, kind)
    assert described(document) - seen.statuses == set(NOT_PROVOKED), "described, but not seen"


def provoke_not_ready(seen, server, origin, kind):
    """An open request delays the shutdown and keeps its connection open for one more request."""
    origin.put(kind, "stuck", size=PAGE)
    origin.behave(kind, "stuck", Behaviour(pace=PAGE // 4))
    with server.connect() as open_one, server.connect() as asker:
        open_one.request("GET", fetch_target(kind, "stuck"), [range_header(0, PAGE - 1)])
        open_one.read_head()
        asker.send(b"GET /readyz HTTP/1.1\r\n")  # started before the shutdown, so that the server still reads the rest
        wait_until(lambda: server.get("/healthz").status == 200, what="the server has read the beginning")
        server.signal(signal.SIGTERM)
        server.expect_log("shutting down")
        asker.send(b"Host: x\r\n\r\n")
        assert seen.check("/readyz", "GET", asker.read_response()).status == 503
    assert server.wait() == 0


def test_a_wrong_answer_is_noticed(document):
    class Answer:
        status, headers, body, complete, text = 200, [("Content-Length", "2"), ("Cache-Control", "no-store"), ("Content-Type", "text/plain; charset=utf-8")], b"no", True, "no"

        def header(self, name):
            return dict(self.headers).get(name.title())

    with pytest.raises(jsonschema.ValidationError):
        Seen(document).check("/healthz", "GET", Answer())
    Answer.text = "ok"
    Seen(document).check("/healthz", "GET", Answer())
    Answer.headers = [*Answer.headers, ("X-Secret", "1")]
    with pytest.raises(AssertionError):
        Seen(document).check("/healthz", "GET", Answer())


def test_the_document_names_the_version_that_is_built(document, cachey):
    assert document["openapi"].startswith("3.1.") and document["info"]["version"] == json.loads(cachey.get("/stats").text)["version"]
    assert all(re.fullmatch(r"[1-5]\d\d", status) for _, _, status in described(document))
