"""Requests of S3 clients with keys, signed by botocore: a signer that shares no code with the server."""

import datetime
import time
import unittest.mock

import botocore.auth
import botocore.credentials
from botocore.awsrequest import AWSRequest

import http1
from s3_face import PROTOCOLS, target

SECRET = "0123456789abcdef/+="


class Key:
    """A key of the file; `limits` as in its line."""

    def __init__(self, access, secret=SECRET, limits="", token=None):
        self.access, self.secret, self.limits = access, secret, limits
        self.credentials = botocore.credentials.Credentials(access, secret, token)

    @property
    def line(self):
        return f"{self.access} {self.secret} {self.limits}\n"


def write_keys(path, *keys):
    """Replaces the file as operators do, by a rename."""
    replacement = path.with_suffix(".new")
    replacement.touch(mode=0o600)
    replacement.write_text("# keys\n\n" + "".join(key.line for key in keys))
    replacement.rename(path)


class _At:
    """botocore's clock, moved by some seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(seconds=self.seconds)
        fake = unittest.mock.Mock(wraps=datetime.datetime)
        fake.utcnow.return_value = now
        fake.now.return_value = now
        self._patches = [unittest.mock.patch("botocore.auth.datetime.datetime", fake),
                         unittest.mock.patch("botocore.auth.time.time", lambda: time.time_ns() / 1e9 + self.seconds)]
        if hasattr(botocore.auth, "get_current_datetime"):
            self._patches.append(unittest.mock.patch("botocore.auth.get_current_datetime", lambda *_: now))
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_):
        for patch in self._patches:
            patch.stop()


def _path(where):
    return where if isinstance(where, str) else target(*where)


def sign(key, method, host, where, headers=(), region="us-east-1", moved=0):
    """The fields of a request signed in the header, but for Host. Extra `headers` are signed."""
    request = AWSRequest(method=method, url=f"http://{host}{_path(where)}", headers=dict(headers))
    with _At(moved):
        botocore.auth.S3SigV4Auth(key.credentials, "s3", region).add_auth(request)
    return [(name, value) for name, value in request.headers.items() if name.lower() != "host"]


def presign(key, method, host, where, expires=900, region="us-east-1", moved=0):
    """The target of a URL signed by Version 4."""
    request = AWSRequest(method=method, url=f"http://{host}{_path(where)}")
    with _At(moved):
        botocore.auth.S3SigV4QueryAuth(key.credentials, "s3", region, expires=expires).add_auth(request)
    return request.url.split(host, 1)[1]


def presign_v2(key, method, host, where, expires=900, moved=0):
    """The target of a URL signed by Version 2, as boto3 makes it by default."""
    request = AWSRequest(method=method, url=f"http://{host}{_path(where)}")
    with _At(moved):
        botocore.auth.HmacV1QueryAuth(key.credentials, expires=expires).add_auth(request)
    return request.url.split(host, 1)[1]


class Client:
    """Signs each request with a key. `port`: of the S3 endpoint."""

    def __init__(self, port, key, protocol="h1"):
        self.port, self.key, self.protocol = port, key, protocol
        self.host = f"127.0.0.1:{port}"

    def ask(self, method, where, headers=(), unsigned=()):
        fields = sign(self.key, method, self.host, where, headers)
        return PROTOCOLS[self.protocol].exchange(self.port, method, _path(where), [*fields, *unsigned], host=self.host)

    def ask_url(self, method, url, headers=()):
        return PROTOCOLS[self.protocol].exchange(self.port, method, url, headers, host=self.host)


def anonymous(port, method, where, headers=()):
    return http1.exchange(port, method, _path(where), headers, host=f"127.0.0.1:{port}")
