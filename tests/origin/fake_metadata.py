"""Fake AWS credential services on one port: an instance's metadata, a container's agent, STS.

    with FakeMetadata() as services:
        services.keys = services.new_keys(seconds=3600)
        ... start a client with services.instance_environment() ...
        assert services.count("role") == 1

Every request is kept in `asked` as (what, headers, form). `hang` names the requests that are never answered, `fail`
those that are answered with an error status: "token", "role", "keys", "region", "container", "sts". `fail_once` has
lists of statuses, each for one answer.
"""

import datetime
import http.server
import itertools
import json
import threading
import time
import urllib.parse

import sigv4_check

_ROLE = "test-role"
_STS_XML = """<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>
<AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret_key}</SecretAccessKey>
<SessionToken>{session_token}</SessionToken><Expiration>{expires}</Expiration>
</Credentials></{action}Result></{action}Response>"""
_STS_ERROR = """<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>
<RequestId>REQUEST-1</RequestId></ErrorResponse>"""


class FakeMetadata:
    def __init__(self):
        self.asked = []
        self.hang = set()
        self.fail = {}
        self.fail_once = {}
        self.keys = None  # sigv4_check.Credentials
        self.seconds = 3600  # until they expire
        self.region = "eu-west-7"
        self.authorization = None  # the token that a container must send
        self.base_keys = None  # the keys that must sign AssumeRole
        self.delay = 0
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        services = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):  # pylint: disable=invalid-name
                services._answer(self)

            do_GET = do_POST = do_PUT

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def new_keys(self, seconds=3600):
        """Makes new, unique keys; the services hand them out from now on."""
        number = next(self._numbers)
        self.seconds = seconds
        self.keys = sigv4_check.Credentials(f"ASIAEXAMPLE{number:09d}", f"hidden-secret-{number}", f"hidden-token-{number}")
        return self.keys

    def count(self, what):
        with self._lock:
            return sum(1 for asked, _, _ in self.asked if asked == what)

    def forms(self):
        """The requests to STS, as dictionaries."""
        with self._lock:
            return [form for asked, _, form in self.asked if asked == "sts"]

    def instance_environment(self):
        return {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url}

    def container_environment(self):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + "/container"}

    # --- on the services' threads ---------------------------------------------------------------------

    def _answer(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        what = self._what(request)
        form = dict(urllib.parse.parse_qsl(body.decode())) if what == "sts" else {}
        with self._lock:
            self.asked.append((what, dict(request.headers), form))
        if self.delay:
            time.sleep(self.delay)
        if what in self.hang:
            self._stop.wait()
            request.close_connection = True
            return
        with self._lock:
            once = self.fail_once.get(what)
            code = once.pop(0) if once else self.fail.get(what)
        if code:
            text = _STS_ERROR.format(code="AccessDenied", message="not you") if what == "sts" else "no"
            self._send(request, code, text)
            return
        self._send(request, *self._act(request, what, form, body))

    @staticmethod
    def _what(request):
        prefix = "/latest/meta-data/iam/security-credentials/"
        known = {("PUT", "/latest/api/token"): "token", ("GET", prefix): "role", ("GET", prefix + _ROLE): "keys",
                 ("GET", "/latest/meta-data/placement/region"): "region",
                 ("GET", "/container"): "container", ("POST", "/"): "sts"}
        return known.get((request.command, request.path), "nothing")

    def _act(self, request, what, form, body):
        if what == "token":
            return 200, "metadata-token"
        if what in ("role", "keys", "region") and request.headers.get("x-aws-ec2-metadata-token") != "metadata-token":
            return 401, "no token"
        if what == "role":
            return 200, _ROLE
        if what == "region":
            return 200, self.region
        if what == "container" and request.headers.get("authorization") != self.authorization:
            return 403, "who are you?"
        if what in ("keys", "container"):
            return 200, json.dumps({"Code": "Success", "AccessKeyId": self.keys.access_key, "Token": self.keys.session_token,
                                    "SecretAccessKey": self.keys.secret_key, "Expiration": self._expires()})
        if what == "sts":
            return self._act_sts(request, form, body)
        return 404, "nothing here"

    def _act_sts(self, request, form, body):
        action = form.get("Action", "")
        if action == "AssumeRole":
            headers = list(request.headers.items())
            try:
                sigv4_check.check_sts(request.path, headers, body, self.base_keys)
            except sigv4_check.Refused as refused:
                return 403, _STS_ERROR.format(code=refused.code, message="signature")
        return 200, _STS_XML.format(action=action, access_key=self.keys.access_key, secret_key=self.keys.secret_key,
                                    session_token=self.keys.session_token, expires=self._expires())

    def _expires(self):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.seconds)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _send(self, request, status, text):
        data = text.encode()
        request.send_response(status)
        if request.command == "PUT":
            request.send_header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)
