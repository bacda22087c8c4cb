"""A bad request gets the right status and a clear text, and causes no origin request."""

import pytest

from expect import expect_206, expect_error
from http1 import exchange, fetch_target

MALFORMED_RANGES = [
    "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-", "bytes=0-", "bytes=-5", "bytes=-0", "bytes=--5", "bytes=5--6",
    "bytes=-5-6", "bytes=a-b", "bytes=0-b", "bytes=a-5", "bytes=0x0-0x5", "bytes=0-5,10-15", "bytes=0-1,2-3,4-5",
    "bytes=0-0,-1", "bytes=9-5", "bytes=1-0", "bytes=18446744073709551615-0", "items=0-5", "pages=1-2", "byte=0-5",
    "0-5", "bytes 0-5", "bytes:0-5", "=0-5", "-", "bytes=0-5;q=1", "bytes=0-5/10", "bytes=+0-5", "bytes=0-+5",
    "bytes=1.0-5", "bytes=1e3-2e3", "bytes==0-5", "bytes=0-5-6", "bytes=0 5", "bytes=1 0-20", "bytes=0_0-5",
    "bytes=18446744073709551616-18446744073709551617", "bytes=" + "9" * 200 + "-" + "9" * 201,
    "bytes=9223372036854775808-9223372036854775809", "bytes=0\u20135", "bytes=\u0661-\u0665", "none",
]


@pytest.mark.parametrize("value", MALFORMED_RANGES, ids=lambda value: ascii(value)[1:30])
def test_malformed_ranges_are_416(cachey, origin, kind, value):
    origin.put(kind, "object", size=100)
    for method in ("GET", "HEAD"):
        response = exchange(cachey.port, method, fetch_target(kind, "object"), [("Range", value)])
        assert response.status == 416, f"{response.status}: {response.body!r}"
        if method == "GET":
            expect_error(response, 416)
            assert response.header("C0-Status") is None
    assert origin.requests(kind) == []


def test_a_missing_range_is_400(cachey, origin, kind):
    origin.put(kind, "object", size=100)
    expect_error(cachey.get(fetch_target(kind, "object")), 400, "Range header is required")
    assert origin.requests(kind) == []


def test_two_range_headers_are_refused(cachey, origin, kind):
    origin.put(kind, "object", size=100)
    response = cachey.get(fetch_target(kind, "object"), [("Range", "bytes=0-5"), ("Range", "bytes=7-9")])
    assert response.status in (400, 416)
    expect_error(response, response.status)


def test_the_text_names_the_fault(cachey, kind):
    texts = {}
    for name, value in [("unit", "items=0-5"), ("several", "bytes=0-1,4-5"), ("open", "bytes=5-"),
                        ("suffix", "bytes=-5"), ("order", "bytes=9-5"), ("overflow", "bytes=" + "9" * 30 + "-" + "9" * 31)]:
        texts[name] = cachey.get(fetch_target(kind, "object"), [("Range", value)]).text.strip()
    assert len(set(texts.values())) >= 4, f"the same words for different faults: {texts}"


@pytest.mark.parametrize("first", [(50 << 40) + 1, 60 << 40, 1 << 56, 2**63 - 10])
def test_ranges_past_what_s3_can_store_are_416(cachey, origin, kind, first):
    origin.put(kind, "object", size=100)
    expect_error(cachey.fetch(kind, "object", first, first + 9), 416)


@pytest.mark.parametrize("last", [50 << 40, (1 << 53) + 1, (1 << 63) - 3, 1 << 63, (1 << 64) + 5, 10**40], ids=str)
def test_a_last_position_is_cut_at_the_end_however_large_it_is(cachey, origin, kind, last):
    stored = origin.put(kind, "object", size=100)
    for _ in range(2):
        expect_206(cachey.get(fetch_target(kind, "object"), [("Range", f"bytes=41-{last}")]), stored, 41, 99, kind)
    past = cachey.get(fetch_target(kind, "object"), [("Range", f"bytes=100-{last}")])
    expect_error(past, 416)
    assert past.header("Content-Range") == "bytes */100"


RANGE = ("Range", "bytes=0-9")


@pytest.mark.parametrize("query", ["versionId=abc", "partNumber=2", "a=b&response-content-type=text/html", "tagging"])
def test_a_query_that_selects_another_answer_is_400(cachey, origin, kind, query):
    origin.put(kind, "object", size=100)
    expect_error(cachey.get(fetch_target(kind, "object") + "?" + query, [RANGE]), 400, "query")
    assert origin.requests(kind) == []


def test_buckets_that_were_joined_on_their_way_are_several(cachey, origin, kind):
    stored = origin.put(f"{kind}-second", "object", size=100)
    headers = [RANGE, ("C0-Bucket", f"{kind}-first , {kind}-second,")]
    expect_206(cachey.get(fetch_target(kind, "object"), headers), stored, 0, 9, f"{kind}-second")


def test_an_answer_names_a_bucket_of_255_bytes(cachey, origin, kind):
    bucket = kind + "." + "L" * (254 - len(kind))
    stored = origin.put(bucket, "object", size=100)
    response = cachey.get(fetch_target(kind, "object"), [RANGE, ("C0-Bucket", bucket)])
    expect_206(response, stored, 0, 9, bucket)


def test_the_root_says_what_this_is(cachey):
    expect_error(cachey.get("/"), 404, "cachey", "/fetch/{kind}/{object}")

BAD_PATHS = [
    ("/fetch/" + "k" * 65 + "/object", 400), ("/fetch/" + "%C3%BC" * 32 + "k/object", 400), ("/fetch//object", 400),
    ("/fetch/a%01b/object", 400), ("/fetch/a%0Ab/object", 400), ("/fetch/a%7Fb/object", 400), ("/fetch/a%00b/object", 400),
    ("/fetch/%FF/object", 400), ("/fetch/%C3/object", 400), ("/fetch/%ED%A0%80/object", 400), ("/fetch/%C0%AF/object", 400),
    ("/fetch/kind/%FF", 400), ("/fetch/kind/%C3%28", 400), ("/fetch/kind/" + "x" * 1025, 400),
    ("/fetch/kind/" + "%C3%BC" * 512 + "x", 400), ("/fetch/kind/%F4%90%80%80", 400),
    ("/fetch/kind/", 404), ("/fetch/kind", 404), ("/fetch/", 404), ("/fetch", 404), ("/", 404), ("/nothing", 404),
    ("/fetchkind/object", 404), ("/FETCH/kind/object", 404),
]


@pytest.mark.parametrize("target,status", BAD_PATHS, ids=lambda value: str(value)[:28])
def test_bad_paths(cachey, target, status):
    response = exchange(cachey.port, "GET", target, [RANGE])
    expect_error(response, status)


@pytest.mark.parametrize("target", ["/fetch/kind/%zz", "/fetch/kind/%4", "/fetch/kind/%", "/fetch/k%/object"])
def test_a_broken_percent_escape_is_the_clients_fault(cachey, target):
    assert exchange(cachey.port, "GET", target, [RANGE]).status in (400, 404)


@pytest.mark.parametrize("buckets", [["b" * 256], [""], ["ü" * 128], ["good", ""], ["good", "b" * 256], ["good," + "b" * 256], [" , "], ["tab\tinside"]])
def test_bad_buckets_are_400(cachey, origin, kind, buckets):
    origin.put(kind, "object", size=100)
    headers = [RANGE] + [("C0-Bucket", bucket) for bucket in buckets]
    response = exchange(cachey.port, "GET", fetch_target(kind, "object"), headers)
    assert response.status == 400
    assert origin.requests(kind) == []


BAD_CONFIGS = [
    ("ct=abc", "ct"), ("rt=-1", "rt"), ("ot=1.5", "ot"), ("oat=", "oat"), ("ma=two", "ma"), ("ib=1s", "ib"), ("mb=0x10", "mb"),
    ("ma=-1", "ma"), ("parts=17", "parts"), ("parts=few", "parts"), ("ct=99999999999999999999999", "ct"), ("fps=yes", "fps"), ("fps=1", "fps"), ("fps=", "fps"),
    ("fps=TRUE", "fps"), ("ct", "ct"), ("ct=100 rt", "rt"), ("ct=100 rt=abc", "rt"), ("ct=100,rt=200", "ct"), ("ma=4294967296", "ma"),
    ("nonsense", "nonsense"),
]


@pytest.mark.parametrize("value,key", BAD_CONFIGS)
def test_bad_configs_are_400_and_name_the_key(cachey, origin, kind, value, key):
    origin.put(kind, "object", size=100)
    response = cachey.get(fetch_target(kind, "object"), [RANGE, ("C0-Config", value)])
    expect_error(response, 400, key)
    assert origin.requests(kind) == []


@pytest.mark.parametrize("value", ["", "ct=3100", "ct=3100 rt=30000 ot=60000 oat=30000 ma=3 ib=10 mb=20 fps=true", "ma=0", "ma=1",
                                   "fps=false", "later=unknown ma=2", "parts=4", "parts=0", "  ct=3100   rt=30000  ", "ct=3100 ct=3200"])
def test_good_configs_are_taken(cachey, origin, kind, value):
    stored = origin.put(kind, "object", size=100)
    response = cachey.get(fetch_target(kind, "object"), [RANGE, ("C0-Config", value)])
    expect_206(response, stored, 0, 9, kind)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"])
def test_other_methods_are_405_with_allow(cachey, origin, kind, method):
    origin.put(kind, "object", size=100)
    response = exchange(cachey.port, method, fetch_target(kind, "object"), [RANGE])
    assert response.status == 405
    assert {item.strip() for item in response.header("Allow").split(",")} == {"GET", "HEAD"}
    assert origin.requests(kind) == []


def test_a_bad_request_leaves_the_connection_usable(cachey, origin, kind):
    stored = origin.put(kind, "object", size=100)
    target = fetch_target(kind, "object")
    with cachey.connect() as connection:
        for headers, status in [([], 400), ([("Range", "bytes=5-")], 416), ([RANGE, ("C0-Config", "ma=x")], 400), ([RANGE], 206)]:
            response = connection.exchange("GET", target, headers)
            assert response.status == status
        expect_206(response, stored, 0, 9, kind)
