"""The objects under `s3://bucket/prefix`, page by page: by boto3, or without it from an endpoint that needs no keys."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.parse
import xml.etree.ElementTree
from collections.abc import Iterator

from .manifest import Entry

_LARGEST_PAGE = 16 << 20
"""Bytes of one page of a listing; S3 sends at most 1,000 names a page."""
_TIMEOUT = 60.0


class Listing:
    """The entries under a prefix. Their number is not known before the end."""

    total: int | None = None
    read = 0

    def __init__(self, url: str, kind: str | None, endpoint: str | None) -> None:
        self._bucket, self._prefix = split_url(url)
        self._kind = kind or self._bucket
        self._endpoint = endpoint
        if endpoint is not None:
            _base(endpoint)
        self._pages = _pages_of_boto3 if has_boto3() else _pages_of_endpoint
        if endpoint is None and not has_boto3():
            raise ValueError("--prefix needs boto3 (pip install boto3), or --s3-endpoint of an endpoint without keys")

    def __iter__(self) -> Iterator[Entry]:
        for page in self._pages(self._bucket, self._prefix, self._endpoint):
            for key, size in page:
                yield Entry(self._kind, key, size)


def has_boto3() -> bool:
    try:
        import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: F401
    except ImportError:
        return False
    return True


def split_url(url: str) -> tuple[str, str]:
    """(bucket, prefix) of `s3://bucket/prefix`. Raises ValueError."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise ValueError(f"{url!r} is not s3://bucket/prefix")
    return bucket, prefix


Page = list[tuple[str, int]]


def _pages_of_boto3(bucket: str, prefix: str, endpoint: str | None) -> Iterator[Page]:
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import botocore.config  # type: ignore[import-not-found,import-untyped,unused-ignore]

    session = boto3.session.Session()
    unsigned = endpoint is not None and session.get_credentials() is None  # an endpoint may want no keys
    config = botocore.config.Config(signature_version=botocore.UNSIGNED) if unsigned else None
    client = session.client("s3", endpoint_url=endpoint, config=config)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield [(entry["Key"], entry["Size"]) for entry in page.get("Contents", ())]


def _pages_of_endpoint(bucket: str, prefix: str, endpoint: str | None) -> Iterator[Page]:
    base = _base(endpoint or "")
    path = f"{base.path.rstrip('/')}/{urllib.parse.quote(bucket)}"
    token: str | None = None
    while True:
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"} | (
            {"continuation-token": token} if token else {}
        )
        document = _get(base, f"{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}")
        page, following = _read_page(document)
        yield page
        if following is None:
            return
        if following == token:
            raise ValueError("the endpoint's list does not end")
        token = following


def _base(endpoint: str) -> urllib.parse.SplitResult:
    base = urllib.parse.urlsplit(endpoint)
    if base.scheme not in ("http", "https") or not base.hostname:
        raise ValueError("--s3-endpoint is http://HOST:PORT or https://HOST:PORT")
    return base


def _get(base: urllib.parse.SplitResult, target: str) -> bytes:
    host = base.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, base.port, timeout=_TIMEOUT, context=ssl.create_default_context())
        if base.scheme == "https"
        else http.client.HTTPConnection(host, base.port, timeout=_TIMEOUT)
    )
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read(_LARGEST_PAGE + 1)
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(f"the list of {base.netloc} failed: {response.status} {_reason(body)}")
    if len(body) > _LARGEST_PAGE:
        raise ValueError(f"the list of {base.netloc} has a page of more than {_LARGEST_PAGE} bytes")
    return body


def _reason(body: bytes) -> str:
    """Code and message of an error of S3, else the begin of the body."""
    text = body[:4096].decode("utf-8", "replace")
    found = [re.search(rf"<{name}>([^<]+)</{name}>", text) for name in ("Code", "Message")]
    return ": ".join(match[1] for match in found if match) or text[:300]


def _read_page(document: bytes) -> tuple[Page, str | None]:
    """(entries, token of the next page) of a ListBucketResult."""
    try:
        root = xml.etree.ElementTree.fromstring(document)  # noqa: S314 (expat limits what entities expand to)
    except xml.etree.ElementTree.ParseError as error:
        raise ValueError(f"the endpoint's list is no XML: {error}") from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    encoded = root.findtext(f"{space}EncodingType") == "url"
    page = []
    for found in root.iter(f"{space}Contents"):
        key, size = found.findtext(f"{space}Key") or "", found.findtext(f"{space}Size") or "0"
        if not re.fullmatch(r"[0-9]{1,19}", size):
            raise ValueError(f"the endpoint's list has a size that is no number: {size[:60]!r}")
        page.append((urllib.parse.unquote_plus(key) if encoded else key, int(size)))
    following = root.findtext(f"{space}NextContinuationToken")
    return page, following if root.findtext(f"{space}IsTruncated") == "true" and following else None
