"""POST /admin/purge: what it removes, over kills and faces; which requests it refuses."""

import json
import re
import signal
import subprocess
import threading

import pytest

import disk
import http1
import http2
import prometheus_text
from cachey_server import ADMIN_TOKEN, base_environment
from expect import expect_206, expect_error, fetch_from_memory
from harness import BINARY, KIB, MIB, PAGE, wait_until
from origin_model import Behaviour


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "admin-tokens"
    path.touch(mode=0o600)
    path.write_text(f"# of the tests\nanother-token-of-admins\n{ADMIN_TOKEN} name=ops\n")
    return path


@pytest.fixture
def options(tokens):
    return ["--admin-listen", "127.0.0.1:0", "--admin-tokens", str(tokens)]


def ask(server, query, token=ADMIN_TOKEN, method="POST", path="/admin/purge", headers=()):
    port = server.admin_port
    headers = [*headers, *([("Authorization", f"Bearer {token}")] if token else [])]
    return http1.exchange(port, method, f"{path}?{query}" if query is not None else path, headers)


def metric(server, name, **labels):
    text = ask(server, None, token=None, method="GET", path="/metrics").text
    return prometheus_text.value(prometheus_text.parse(text), name, **labels)


def purge(server, query):
    answer = ask(server, query)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


def test_an_object_is_fetched_again(s3_server, origin, kind, options):
    server = s3_server(*options)
    first = origin.put(kind, "a b/ü", size=MIB)
    expect_206(fetch_from_memory(server, kind, "a b/ü", 0, 9), first, 0, 9, kind)
    origin.put(kind, "other", size=MIB)
    fetch_from_memory(server, kind, "other", 0, 9)
    second = origin.put(kind, "a b/ü", size=MIB, etag='"second"')
    expect_206(server.fetch(kind, "a b/ü", 0, 9), first, 0, 9, kind)
    assert purge(server, f"kind={kind}&object=a%20b%2F%C3%BC") == {"pages": 1, "bytes": MIB, "fenced": 0}
    expect_206(fetch_from_memory(server, kind, "a b/ü", 0, 9), second, 0, 9, kind)
    before = len(origin.requests(kind))
    assert server.fetch(kind, "other", 0, 9).status == 206 and len(origin.requests(kind)) == before
    assert purge(server, f"kind={kind}&prefix=oth")["pages"] == 1
    assert purge(server, f"kind={kind}&all=true")["pages"] == 1
    assert purge(server, "all=true") == {"pages": 0, "bytes": 0, "fenced": 0}
    server.expect_log("info purged", count=4)
    assert "token=ops" in server.log() and ADMIN_TOKEN not in server.log()
    assert metric(server, "cachey_purges_total", scope="kind", result="done") == 1
    assert metric(server, "cachey_purged_pages_total") == 3


def test_a_soft_purge_takes_only_what_has_changed(disk_server, origin, kind, options):
    server = disk_server(*options, "--s3-first-byte-timeout", "1")
    first = origin.put(kind, "object", size=MIB)
    expect_206(fetch_from_memory(server, kind, "object", 0, 9), first, 0, 9, kind)
    wait_until(lambda: metric(server, "cachey_disk_pages") == 1, what="the page is on the disk")
    query = f"kind={kind}&object=object&soft=true"
    kept = {"pages": 0, "bytes": 0, "fenced": 0, "kept": True}
    assert purge(server, query) == kept
    wait_until(lambda: metric(server, "cachey_disk_pending_records") == 0, what="the page is recorded")
    disk.kill(server)
    server = disk_server(*options, "--s3-first-byte-timeout", "1")
    wait_until(lambda: metric(server, "cachey_disk_state", state="online") == 1, what="the index is read")
    assert purge(server, query) == kept, "of what only the disk knows the store is asked, too"
    before = len(origin.requests(kind))
    expect_206(server.fetch(kind, "object", 0, 9), first, 0, 9, kind)
    assert len(origin.requests(kind)) == before

    origin.behave(kind, "object", Behaviour(status=503))
    answer = ask(server, query)
    expect_error(answer, 503)
    assert "not known whether the object has changed" in answer.text and answer.header("Retry-After")
    expect_206(server.fetch(kind, "object", 0, 9), first, 0, 9, kind)

    second = origin.put(kind, "object", size=MIB, etag='"second"')
    origin.behave(kind, "object", Behaviour())
    assert purge(server, query)["kept"] is False
    disk.kill(server)
    server = disk_server(*options)
    expect_206(server.fetch(kind, "object", 0, 9), second, 0, 9, kind)


def test_a_fetch_under_way_feeds_its_client_and_is_not_kept(s3_server, origin, kind, options):
    server = s3_server(*options)
    first = origin.put(kind, "object", size=PAGE)
    origin.behave(kind, "object", Behaviour(pace=PAGE // 2))
    answers = []
    reader = threading.Thread(target=lambda: answers.append(server.fetch(kind, "object", 0, PAGE - 1)))
    reader.start()
    wait_until(lambda: len(origin.requests(kind)) == 1, what="the fill has begun")
    assert purge(server, f"kind={kind}&object=object")["fenced"] == 1
    second = origin.put(kind, "object", size=PAGE, etag='"second"')
    origin.behave(kind, "object", Behaviour())
    expect_206(server.fetch(kind, "object", 0, 9), second, 0, 9, kind)
    reader.join()
    expect_206(answers[0], first, 0, PAGE - 1, kind)
    expect_206(server.fetch(kind, "object", 0, 9), second, 0, 9, kind)


@pytest.mark.parametrize("scope", ["kind={kind}&object=object", "kind={kind}&prefix=obj", "kind={kind}&all=true", "all=true"])
def test_what_is_purged_stays_so_after_a_kill(disk_server, origin, kind, options, scope):
    server = disk_server(*options)
    origin.put(kind, "object", size=MIB)
    assert server.fetch(kind, "object", 0, MIB - 1).status == 206
    wait_until(lambda: metric(server, "cachey_disk_pages") == 1, what="the page is on the disk")
    wait_until(lambda: metric(server, "cachey_disk_pending_records") == 0, what="the page is recorded")
    assert purge(server, scope.format(kind=kind))["pages"] == 1
    disk.kill(server)
    second = origin.put(kind, "object", size=MIB, etag='"second"')
    server = disk_server(*options)
    expect_206(server.fetch(kind, "object", 0, 9), second, 0, 9, kind)


def test_the_s3_face_asks_again(s3_server, origin, kind, options):
    server = s3_server(*options, "--s3api-listen", "127.0.0.1:0", "--s3api-open", "--s3api-revalidate", "*=never")
    port = int(re.findall(r"s3_address=127\.0\.0\.1:(\d+)", server.log())[0])
    origin.put(kind, "object", size=KIB, etag='"first"')
    get = lambda: http1.exchange(port, "GET", f"/{kind}/object", [])  # noqa: E731
    assert get().header("ETag") == '"first"'
    origin.put(kind, "object", size=KIB, etag='"second"')
    assert get().header("ETag") == '"first"'
    purge(server, f"kind={kind}&object=object")
    assert get().header("ETag") == '"second"'
    assert http1.exchange(port, "POST", "/admin/purge?all=true", [("Authorization", f"Bearer {ADMIN_TOKEN}")]).status in (403, 405)


def test_only_the_admin_address_has_the_path(s3_server, options):
    server = s3_server(*options)
    for method in ("POST", "GET"):
        expect_error(server.connect().exchange(method, "/admin/purge?all=true", [("Authorization", f"Bearer {ADMIN_TOKEN}")]), 404)
    assert ask(server, "all=true", method="GET").status == 405
    assert ask(server, "all=true", method="DELETE").header("Allow") == "POST"
    assert ask(server, "all=true", path="/admin/purge/").status == 404


def test_each_purge_of_many_is_a_line_of_the_log(s3_server, kind, options):
    server = s3_server(*options)
    for number in range(40):
        purge(server, f"kind={kind}&object={number}")
    server.expect_log("text=39 ")
    assert server.log().count("info purged") == 40 and "suppressed=" not in server.log()


def test_over_http2_and_with_a_body(s3_server, origin, kind, options):
    server = s3_server(*options)
    origin.put(kind, "object", size=10)
    port = server.admin_port
    target, token = f"/admin/purge?kind={kind}&object=object", ("authorization", f"Bearer {ADMIN_TOKEN}")
    fetch_from_memory(server, kind, "object", 0, 9)
    assert http2.exchange(port, "GET", target, [token]).status == 405
    assert json.loads(http2.exchange(port, "POST", target, [token]).text)["pages"] == 1
    assert http2.exchange(port, "POST", target).status == 401
    fetch_from_memory(server, kind, "object", 0, 9)
    body = b'{"all":true}'  # is not looked at
    with http1.Connection(port) as connection:
        connection.send(f"POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        assert json.loads(connection.read_response().text)["pages"] == 1


def test_without_tokens_nobody_may_purge(s3_server):
    server = s3_server("--admin-listen", "127.0.0.1:0")
    assert ask(server, "all=true").status == ask(server, "all=true", token=None).status == 403


def test_other_tokens_do_not_count(s3_server, options, tmp_path):
    clients = tmp_path / "clients"
    clients.touch(mode=0o600)
    clients.write_text("a-token-of-a-client\n")
    server = s3_server(*options, "--auth-tokens", str(clients))
    for token in (None, "a-token-of-a-client", ADMIN_TOKEN[:-1], ADMIN_TOKEN + "x", "another-token-of-admins x"):
        answer = ask(server, "all=true", token=token)
        assert answer.status == 401 and answer.header("WWW-Authenticate") == "Bearer"
    assert ask(server, "all=true", headers=[("Authorization", "Bearer x")]).status == 401
    assert ask(server, None, token=ADMIN_TOKEN, method="GET", path="/stats").status == 401, "nor is it one of a client"
    assert ask(server, "all=true", token="another-token-of-admins").status == 200


def test_tokens_are_read_again_on_sighup(s3_server, options, tokens):
    server = s3_server(*options)
    tokens.write_text("a-new-token-of-admins\n")
    server.signal(signal.SIGHUP)
    wait_until(lambda: ask(server, "all=true", token="a-new-token-of-admins").status == 200, what="the new token counts")
    assert ask(server, "all=true").status == 401


@pytest.mark.parametrize("query", [
    None, "", "&", "kind=k", "object=o", "kind=k&prefix=", "kind=k&object=", "kind=&all=true", "all", "all=false",
    "all=true&all=true", "kind=k&object=o&prefix=o", "kind=k&object=o&x=", "kind=k&object=%zz", "kind=k&OBJECT=o",
    "kind=k&object=" + "o" * 1025, "kind=" + "k" * 65 + "&all=true", "?all=true", "all=true&kind=k&object=o",
])
def test_a_wrong_query_purges_nothing(s3_server, origin, kind, options, query):
    server = s3_server(*options)
    origin.put(kind, "object", size=10)
    server.fetch(kind, "object", 0, 9)
    assert ask(server, query).status == 400
    before = len(origin.requests(kind))
    server.fetch(kind, "object", 0, 9)
    assert len(origin.requests(kind)) == before


def test_the_option_needs_an_admin_address(tokens):
    done = subprocess.run([BINARY, "--admin-tokens", str(tokens)], env=base_environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "needs --admin-listen" in done.stderr
