"""Lists of a prefix without boto3: pages follow each other, odd keys survive, faults have a clear text."""

import http.server
import os
import threading
import urllib.parse

import pytest

from cachey_client.cli import listing
from cachey_client.cli.listing import Listing, split_url
from cachey_client.cli.manifest import Entry

SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def document(entries, token=None, space=SPACE, encoding="<EncodingType>url</EncodingType>"):
    contents = "".join(f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents>" for key, size in entries)
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return f"<ListBucketResult {space}>{encoding}{contents}{more}</ListBucketResult>".encode()


EXPLODING = (
    b"<!DOCTYPE x ["
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 20) for n in range(1, 12))
    + b'<!ENTITY a0 "aaaaaaaaaa">]><ListBucketResult><Contents><Key>&a11;</Key></Contents></ListBucketResult>'
)
"""A document of 1 kB whose one key has 10^15 letters."""


@pytest.fixture
def endpoint(monkeypatch):
    """An S3 endpoint whose pages the test gives: {continuation token: (status, body)}. `.asked` has the targets."""
    monkeypatch.setattr(listing, "has_boto3", lambda: False)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            status, body = self.server.pages[query.get("continuation-token", [None])[0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_pages_follow_each_other(endpoint):
    endpoint.pages = {
        None: (200, document([("a%2Fb+c%C3%BC", 5)], "next&amp;one")),
        "next&one": (200, document([("z", 0)])),
    }
    assert list(Listing("s3://bucket/pre fix", None, endpoint.url)) == [
        Entry("bucket", "a/b cü", 5),
        Entry("bucket", "z", 0),
    ]
    assert "prefix=pre%20fix" in endpoint.asked[0] and endpoint.asked[0].startswith("/bucket?")


def test_the_kind_can_differ_from_the_bucket(endpoint):
    endpoint.pages = {None: (200, document([("a", 5)], space="", encoding=""))}
    assert list(Listing("s3://bucket", "kind", endpoint.url)) == [Entry("kind", "a", 5)]


@pytest.mark.parametrize(
    "page,text",
    [
        ((403, b"<Error><Code>AccessDenied</Code></Error>"), r"failed: 403 AccessDenied$"),
        (
            (501, b"<Error><Code>NotImplemented</Code><Message>no lists</Message></Error>"),
            "501 NotImplemented: no lists$",
        ),
        ((200, b"no xml"), "^the endpoint's list is no XML"),
        ((200, document([("a", "many")])), "a size that is no number: 'many'"),
        ((200, EXPLODING), "limit on input amplification|entity"),
    ],
)
def test_a_faulty_list_is_an_error(endpoint, page, text):
    endpoint.pages = {None: page}
    with pytest.raises(ValueError, match=text):
        list(Listing("s3://bucket/", None, endpoint.url))


def test_a_list_that_does_not_end_is_an_error(endpoint):
    endpoint.pages = {None: (200, document([("a", 1)], "t")), "t": (200, document([("a", 1)], "t"))}
    with pytest.raises(ValueError, match="does not end"):
        list(Listing("s3://bucket/", None, endpoint.url))


def test_a_page_has_a_largest_size(endpoint, monkeypatch):
    monkeypatch.setattr(listing, "_LARGEST_PAGE", 1000)
    endpoint.pages = {None: (200, document([("a" * 2000, 1)]))}
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        list(Listing("s3://bucket/", None, endpoint.url))


def test_boto3_lists_endpoints_that_want_no_keys(endpoint, monkeypatch, tmp_path):
    pytest.importorskip("boto3")
    monkeypatch.setattr(listing, "has_boto3", lambda: True)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    endpoint.pages = {None: (200, document([("a", 5)]))}
    assert list(Listing("s3://bucket/", None, endpoint.url)) == [Entry("bucket", "a", 5)]


def test_without_boto3_and_endpoint_the_error_says_what_to_install(endpoint):
    with pytest.raises(ValueError, match="pip install boto3"):
        Listing("s3://bucket/", None, None)


@pytest.mark.parametrize("url", ["bucket/prefix", "s3://", "s3:///prefix", "http://bucket/x"])
def test_only_s3_urls_are_taken(url):
    with pytest.raises(ValueError, match="is not s3://bucket/prefix"):
        split_url(url)


@pytest.mark.parametrize("url", ["", "10.0.0.1:9000", "ftp://a", "http://"])
def test_only_urls_of_http_are_endpoints(url):
    with pytest.raises(ValueError, match="--s3-endpoint is http://HOST:PORT"):
        Listing("s3://bucket/", None, url)
