"""Declared kinds, and pages that a kind may no longer have: no request is answered from a forbidden bucket."""

import pytest

import prometheus_text
from disk import counted, from_origin, wait_for_pages
from expect import expect_206, expect_error, fetch_from_memory
from harness import KIB, MIB, PAGE
from start_up import expect_bad, run

NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]


def bucket(name):
    return [("C0-Bucket", name)]


def value(server, name, **labels):
    return prometheus_text.value(prometheus_text.parse(server.get("/metrics").text), name, **labels)


def test_a_declared_kind_asks_its_buckets_and_no_other(s3_server, origin, kind):
    eu, us, evil = f"{kind}-eu", f"{kind}-us", f"{kind}-evil"
    first, second = origin.put(eu, "object", size=MIB), origin.put(us, "only-us", size=MIB)
    origin.put(evil, "object", size=MIB)
    server = s3_server("--kind", f"{kind}={eu},{us}")
    expect_206(server.fetch(kind, "object", 0, 9), first, 0, 9, eu)
    expect_206(server.fetch(kind, "only-us", 0, 9), second, 0, 9, us)
    expect_206(server.fetch(kind, "object", 0, 9, bucket(eu)), first, 0, 9, eu)
    for headers in (bucket(evil), bucket(kind), bucket(eu) + bucket(evil)):
        for method in ("GET", "HEAD"):
            response = server.fetch(kind, "object", 0, 9, headers, method=method)
            assert response.status == 403
    expect_error(server.fetch(kind, "object", 0, 9, bucket(evil)), 403, f'"{evil}"', f'"{kind}"')
    assert origin.requests(evil) == [] and origin.requests(kind) == []
    assert value(server, "cachey_access_denied_total", reason="kind_bucket") == 7


def test_other_kinds_are_as_ever_unless_only_declared_ones_are_allowed(s3_server, origin, kind):
    other = f"other-{kind}"
    stored = origin.put(other, "object", size=MIB)
    origin.put(kind, "object", size=MIB)
    expect_206(s3_server("--kind", f"{kind}={kind}").fetch(other, "object", 0, 9), stored, 0, 9, other)
    server = s3_server("--kind", f"{kind}={kind}", "--kinds", "declared")
    before = len(origin.requests(other))
    for number in range(200):
        expect_error(server.fetch(f"invented-{number}", "object", 0, 9, bucket(kind)), 403, f'"invented-{number}"')
    expect_error(server.fetch(other, "object", 0, 9), 403, f'"{other}"')
    assert len(origin.requests(other)) == before
    assert value(server, "cachey_access_denied_total", reason="kind") == 201
    assert server.fetch(kind, "object", 0, 9).status == 206
    text = server.get("/metrics").text
    assert "invented" not in text, "names that clients invent get no metrics of their own"
    assert value(server, "cachey_fetch_requests_total", kind=kind, status="success") == 1


def test_nobody_else_fills_a_declared_kind(s3_server, origin, kind):
    evil = f"logs-{kind}-evil"
    genuine = origin.put(kind, "config.json", size=100)
    origin.put(evil, "config.json", size=100, seed=genuine.seed + 1)
    server = s3_server("--allow-bucket", kind, "--allow-bucket", f"logs-{kind}-*", "--kind", f"{kind}={kind}")
    expect_error(server.fetch(kind, "config.json", 0, 99, bucket(evil)), 403)
    expect_206(server.fetch(kind, "config.json", 0, 99), genuine, 0, 99, kind)
    expect_206(server.fetch(kind, "config.json", 0, 99, bucket(kind)), genuine, 0, 99, kind)
    assert server.fetch("logs", "config.json", 0, 99, bucket(evil)).status == 206, "a kind of its own"


@pytest.mark.parametrize("before,after", [
    (["--allow-bucket", "{0}-secret", "--allow-bucket", "{0}-public"], ["--allow-bucket", "{0}-public"]),
    (["--kind", "{0}={0}-secret,{0}-public"], ["--kind", "{0}={0}-public"]),
    ([], ["--kind", "{0}={0}-public", "--kinds", "declared"])], ids=["allow-bucket", "kind", "kinds"])
def test_pages_on_disk_of_a_bucket_that_is_forbidden_now_are_no_hit(disk_server, origin, kind, before, after):
    secret, public = f"{kind}-secret", f"{kind}-public"
    hidden = origin.put(secret, "both", size=PAGE + 4 * KIB)
    origin.put(secret, "only-secret", size=4 * KIB)
    plain = origin.put(public, "both", size=1000, seed=hidden.seed + 1)
    server = disk_server(*[text.format(kind) for text in before])
    for key, first in (("both", 0), ("both", PAGE), ("only-secret", 0)):
        assert server.fetch(kind, key, first, first + 99, bucket(secret)).status == 206
    wait_for_pages(server, 3)
    server.stop()

    server = disk_server(*[text.format(kind) for text in after])
    assert counted(server, "recovered_pages_total") == 3
    for method in ("GET", "HEAD"):
        assert server.fetch(kind, "both", 0, 9, bucket(secret), method=method).status == 403
        assert server.fetch(kind, "only-secret", 0, 9, bucket(public), method=method).status == 404
    past = server.fetch(kind, "both", PAGE, PAGE + 9, bucket(public))
    expect_error(past, 416)
    assert past.header("Content-Range") in (None, "bytes */1000"), "the size of the other bucket is not told"
    expect_206(server.fetch(kind, "both", 0, 2000, bucket(public)), plain, 0, 2000, public, hit=False)
    expect_206(fetch_from_memory(server, kind, "both", 0, 2000, bucket(public)), plain, 0, 2000, public, hit=True)
    wait_for_pages(server, 1)
    server.stop()

    server = disk_server(*[text.format(kind) for text in after])
    assert counted(server, "recovered_pages_total") == 1, "what was forbidden has left the disk"
    expect_206(server.fetch(kind, "both", 0, 2000, bucket(public)), plain, 0, 2000, public, hit=True)
    assert from_origin(server) == 0


@pytest.mark.parametrize("tags", ["equal", "unequal"])
def test_each_page_on_disk_has_its_own_bucket(disk_server, origin, kind, tags):
    """Of one object with pages from two buckets, only the pages of the allowed bucket are used."""
    secret, public = f"{kind}-secret", f"{kind}-public"
    tag = '"same"' if tags == "equal" else None
    hidden = origin.put(secret, "both", size=2 * PAGE, seed=4711, etag=tag)
    plain = origin.put(public, "both", size=2 * PAGE, seed=hidden.seed, etag=tag, last_modified=hidden.last_modified)
    server = disk_server("--kind", f"{kind}={secret},{public}", memory="128MiB")
    expect_206(server.fetch(kind, "both", 0, 99, bucket(public)), plain, 0, 99, public, hit=False)
    wait_for_pages(server, 1)
    expect_206(server.fetch(kind, "both", PAGE, PAGE + 99, bucket(secret)), hidden, PAGE, PAGE + 99, secret, hit=False)
    wait_for_pages(server, 2)
    server.stop()
    server = disk_server("--kind", f"{kind}={public}", memory="128MiB")
    expect_206(server.fetch(kind, "both", PAGE, PAGE + 99), plain, PAGE, PAGE + 99, public, hit=False)
    expect_206(server.fetch(kind, "both", 0, 99), plain, 0, 99, public, hit=True)


def test_the_space_of_forbidden_pages_that_nobody_asks_for_is_used_again(disk_server, origin, kind):
    secret, public = f"{kind}-secret", f"{kind}-public"
    for number in range(20):
        origin.put(secret, f"old-{number}", size=PAGE)
        origin.put(public, f"new-{number}", size=PAGE)
    server = disk_server("--kind", f"{kind}={secret}")
    for number in range(20):
        assert len(server.fetch(kind, f"old-{number}", 0, PAGE - 1).body) == PAGE
        wait_for_pages(server, number + 1)
    server.stop()
    server = disk_server("--kind", f"{kind}={public}")
    for number in range(20):
        assert len(server.fetch(kind, f"new-{number}", 0, PAGE - 1).body) == PAGE
        wait_for_pages(server, 20)
    assert counted(server, "evictions_total") > 0


def test_no_key_leads_to_another_bucket(s3_server, origin, kind):
    """A store that removes dot segments would look for these keys in another bucket."""
    origin.put(kind, "object", size=100)
    open_to_all = s3_server()
    limited = [s3_server("--allow-bucket", kind), s3_server("--kind", f"{kind}={kind}")]
    for key in ("../secret/plan", "a/../../secret/plan", "a/./b", ".."):
        expect_error(open_to_all.fetch(kind, key, 0, 9), 404)
        before = len(origin.requests(kind))
        for server in limited:
            expect_error(server.fetch(kind, key, 0, 9), 403, "segment")
            assert server.fetch(kind, key, 0, 9, method="HEAD").status == 403
        assert len(origin.requests(kind)) == before
    for server in limited:
        assert value(server, "cachey_access_denied_total", reason="key") == 8
        assert server.fetch(kind, "a..b/..c/...", 0, 9).status == 404


@pytest.mark.parametrize("arguments,words", [
    (["--kinds", "declared"], ["--kinds", "--kind"]), (["--kinds", "none"], ["--kinds", "none"]),
    (["--kind", "media"], ["--kind", "NAME=BUCKET"]), (["--kind", "media=a,a"], ["--kind", "twice"]),
    (["--kind", "media=a", "--kind", "media=b"], ["media", "twice"]),
    (["--kind", "media=a,b", "--allow-bucket", "a"], ["--kind", "--allow-bucket", '"b"']),
    (["--kind", f"{'k' * 65}=a"], ["--kind", "64 bytes"])])
def test_a_bad_declaration_does_not_start(arguments, words):
    expect_bad(run(*NOWHERE, *arguments), *words)


def test_several_allowed_buckets_without_kinds_are_a_warning(s3_server):
    s3_server("--allow-bucket", "logs-*").expect_log("say with --kind")
    assert "say with --kind" not in s3_server("--allow-bucket", "logs-*", "--kind", "logs=logs-1").log()
    assert "say with --kind" not in s3_server("--allow-bucket", "logs").log()
