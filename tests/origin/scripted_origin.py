"""An S3 origin for tests that misbehaves on command: delays, cuts, stalls, changed objects, wrong bytes.

    with ScriptedOrigin() as origin:
        origin.put("bucket", "key", size=3 << 20)
        origin.behave("bucket", "key", Behaviour(times=1, status=503, code="SlowDown"))
        ... point a client at origin.endpoint ...
        assert [r.range for r in origin.requests("bucket", "key")] == [(0, 16777215)]

The origin runs on a thread of its own in the test's process; its methods may be called from any thread.
It checks the signature of every request on the received bytes (sigv4_check). A request with a wrong
signature gets 403 and is kept in `refused`, so that tests can require an empty list.
"""

import asyncio
import itertools
import socket
import threading
import time
import urllib.parse

import sigv4_check
from content import content_views
from origin_connection import ClientGone, Connection, parse_head
from origin_model import Behaviour, RequestRecord, crc32_of, error_xml, status_of, stored_object

_PIECE_BYTES = 1 << 20
_PACED_PIECES_PER_SECOND = 100


class ScriptedOrigin:
    def __init__(self, credentials=None, usual=None, host="127.0.0.1"):
        """`usual`: the behaviour for requests without a matching behave(). `host`: the host in the endpoint; if that is
        a name, buckets are in the host name."""
        self.credentials = credentials or sigv4_check.Credentials()
        self.usual = usual or Behaviour()
        self.host = host
        self.refused = []  # (code, reason, RequestRecord) of each wrong signature
        self.connections_accepted = 0
        self.idle_close_seconds = None  # closes kept-alive connections after this idle time
        self._lock = threading.Lock()
        self._objects = {}
        self._buckets = set()
        self._behaviours = {}
        self._log = []
        self._seeds = itertools.count(1)
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=4096)]
        self.port = self._listeners[0].getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted-origin", daemon=True)

    # --- for tests ---------------------------------------------------------------------------------

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        for listener in self._listeners:
            listener.close()

    @property
    def endpoint(self):
        return f"http://{self.host}:{self.port}"

    def environment(self):
        """The AWS settings for clients of this origin."""
        settings = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_REGION": self.credentials.region,
        }
        if self.credentials.session_token:
            settings["AWS_SESSION_TOKEN"] = self.credentials.session_token
        return settings

    def listen_also(self, listener):
        """Takes connections of one more listening socket, for example of another network namespace."""
        self._listeners.append(listener)
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._accept(listener)))

    def add_bucket(self, bucket):
        with self._lock:
            self._buckets.add(bucket)

    def put(self, bucket, key, size, seed=None, etag=None, last_modified=None, parts=()):
        """Stores (or replaces) an object; bodies that are being sent keep their version. `parts`: sizes."""
        stored = stored_object(size, next(self._seeds) if seed is None else seed, etag, last_modified, parts)
        with self._lock:
            self._buckets.add(bucket)
            self._objects[bucket, key] = stored
        return stored

    def stored(self, bucket, key):
        """The current version of the object, or None."""
        with self._lock:
            return self._objects.get((bucket, key))

    def behave(self, bucket, key, *behaviours):
        """Sets the behaviours of this key; none: as a healthy store."""
        with self._lock:
            self._behaviours[bucket, key] = list(behaviours)

    def requests(self, bucket=None, key=None):
        """The log. A record is complete, with its outcome, once it is no longer `open`: see ended()."""
        with self._lock:
            return [r for r in self._log
                    if bucket in (None, r.bucket) and key in (None, r.key)]

    def ended(self, bucket=None, key=None, seconds=10):
        """As requests(), after no response is in progress. (A client can have all bytes before the record is complete.)"""
        deadline = time.monotonic() + seconds
        while any(record.open for record in self.requests(bucket, key)):
            assert time.monotonic() < deadline, f"still under way: {[r for r in self.requests(bucket, key) if r.open]}"
            time.sleep(0.005)
        return self.requests(bucket, key)

    # --- on the origin's thread -----------------------------------------------------------------------

    def _run(self):
        asyncio.set_event_loop(self._loop)
        accepting = self._loop.create_task(self._accept(self._listeners[0]))
        self._loop.run_forever()
        tasks = [task for task in asyncio.all_tasks(self._loop) if task is not accepting]
        for task in [accepting, *tasks]:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(accepting, *tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, listener):
        listener.setblocking(False)
        running = set()
        while True:
            sock, _ = await self._loop.sock_accept(listener)
            self.connections_accepted += 1
            task = self._loop.create_task(self._serve(Connection(sock, self.connections_accepted)))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _serve(self, connection):
        try:
            while True:
                head = await connection.read_head(self.idle_close_seconds)
                if head is None or not await self._answer(connection, head):
                    break
        except ClientGone:
            pass
        finally:
            connection.close()

    async def _answer(self, connection, head):
        """Answers one request. Returns True if the connection stays open."""
        record = self._record(connection, head)
        behaviour, stored, bucket_exists = self._look_up(record)
        try:
            try:
                sigv4_check.check(record.method, record.target, record.headers, self.credentials)
            except sigv4_check.Refused as refused:
                self.refused.append((refused.code, str(refused), record))
                return await self._send_error(connection, record, self.usual, refused.code)
            stay = await self._act(connection, record, behaviour, stored, bucket_exists)
            record.outcome = record.outcome or "sent"
            return stay
        except ClientGone:
            record.outcome = "gone"
            raise
        finally:
            record.held = False
            record.done_at = time.monotonic()

    def _record(self, connection, head):
        method, target, headers = parse_head(head)
        bucket, key = self._names(target, dict(headers))
        record = RequestRecord(
            connection.number, method, target,
            urllib.parse.unquote(bucket, errors="surrogateescape"),
            urllib.parse.unquote(key, errors="surrogateescape"), headers, time.monotonic())
        asked = (record.header("range") or "").removeprefix("bytes=").split("-")
        if len(asked) == 2 and all(part.isdigit() for part in asked):
            record.range = (int(asked[0]), int(asked[1]))
        elif len(asked) == 2 and not asked[0] and asked[1].isdigit():
            record.tail = int(asked[1])
        part = urllib.parse.parse_qs(target.partition("?")[2]).get("partNumber")
        record.part = int(part[0]) if part else None
        with self._lock:
            self._log.append(record)
        return record

    def _names(self, target, headers):
        path = target.partition("?")[0][1:]
        host = headers.get("host", "").partition(":")[0]
        if host.endswith("." + self.host):
            return host.removesuffix("." + self.host), path
        bucket, _, key = path.partition("/")
        return bucket, key

    def _look_up(self, record):
        """The behaviour for this request, and the object's version at the start of the behaviour."""
        at = (record.bucket, record.key)
        chosen = self.usual
        with self._lock:
            for behaviour in self._behaviours.get(at, []):
                if behaviour.times == 0 or (behaviour.when and not behaviour.when(record)):
                    continue
                if behaviour.times is not None:
                    behaviour.times -= 1
                chosen = behaviour
                break
        if chosen.do:
            chosen.do(record)
        with self._lock:
            return chosen, self._objects.get(at), record.bucket in self._buckets

    async def _hold(self, connection, record, gate):
        record.held = True
        if not await gate.passed(connection.client_is_there):
            raise ClientGone
        record.held = False

    async def _act(self, connection, record, behaviour, stored, bucket_exists):
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        if behaviour.gate:
            await self._hold(connection, record, behaviour.gate)
        if behaviour.drop or behaviour.raw is not None:
            await connection.send([behaviour.raw or b""])
            connection.end(reset=behaviour.drop == "rst")
            record.outcome = "cut"
            return False
        if behaviour.code or behaviour.status:
            return await self._send_error(connection, record, behaviour, behaviour.code)
        if stored is None:
            code = "NoSuchKey" if bucket_exists else "NoSuchBucket"
            return await self._send_error(connection, record, behaviour, code)
        if behaviour.needs_no and record.header(behaviour.needs_no):
            return await self._send_error(connection, record, behaviour, "InvalidArgument")
        wanted = record.header("if-match")
        if wanted not in (None, stored.etag):
            return await self._send_error(connection, record, behaviour, "PreconditionFailed")
        part = None if behaviour.ignore_parts else record.part
        if part is not None and stored.part(part) is None:
            return await self._send_error(connection, record, behaviour, "InvalidPartNumber")
        if part is not None and stored.size > 0:
            return await self._send_object(connection, record, behaviour, stored, *stored.part(part), is_part=True)
        first, last = record.range or (max(0, stored.size - (record.tail or stored.size)), stored.size - 1)
        past_end = first >= stored.size if record.range else record.tail == 0
        if past_end and not behaviour.ignore_range:
            return await self._send_past_end(connection, record, behaviour, stored, first)
        return await self._send_object(connection, record, behaviour, stored, first, last)

    async def _send_past_end(self, connection, record, behaviour, stored, first):
        header = [("Content-Range", f"bytes */{stored.size}")]
        document = f"<ActualObjectSize>{stored.size}</ActualObjectSize>"
        if behaviour.past_end == "backwards":
            backwards = [("Content-Range", f"bytes {first}-{first - 1}/{stored.size}"), ("Content-Length", "0")]
            await self._send_head(connection, record, behaviour, 206, backwards)
            return True
        if behaviour.past_end == "bare":
            await self._send_head(connection, record, behaviour, 416, [("Content-Length", "0")])
            return True
        return await self._send_error(connection, record, behaviour, "InvalidRange",
                                      document if behaviour.past_end in ("aws", "document") else "",
                                      header if behaviour.past_end in ("aws", "header") else ())

    async def _send_head(self, connection, record, behaviour, status, fields):
        record.status = status
        if behaviour.close or behaviour.http10:
            fields = [*fields, ("Connection", "close")]
        fields = [(name, value) for name, value in fields if name.lower() not in behaviour.omit]
        if behaviour.name_case:
            fields = [(behaviour.name_case(name), value) for name, value in fields]
        await connection.send_head(status, fields, behaviour.interim, behaviour.http10)

    async def _send_error(self, connection, record, behaviour, code, details="", headers=()):
        body = behaviour.error_body
        if body is None:
            body = error_xml(code, record, details)
        fields = [("Content-Type", "application/xml"), ("Content-Length", str(len(body))),
                  ("x-amz-request-id", "SCRIPTED0000001"), *headers, *behaviour.headers]
        await self._send_head(connection, record, behaviour, behaviour.status or status_of(code), fields)
        if record.method != "HEAD":
            await connection.send([body])
        return self._stays(behaviour)

    @staticmethod
    def _stays(behaviour):
        return not (behaviour.close or behaviour.close_unsaid or behaviour.http10)

    async def _send_object(self, connection, record, behaviour, stored, first, last, is_part=False):
        covers = first == 0 and last >= stored.size - 1
        asked = is_part or record.range or (record.tail and stored.size)  # a tail of an empty object is a 200
        partial = asked and not (behaviour.ignore_range or (behaviour.whole_as_200 and covers))
        first, last = (first, min(last, stored.size - 1)) if partial else (0, stored.size - 1)
        length = last - first + 1
        fields = [("Accept-Ranges", "bytes"), ("Content-Type", "binary/octet-stream"),
                  ("ETag", stored.etag), ("Last-Modified", stored.last_modified_text),
                  ("x-amz-request-id", "SCRIPTED0000001")]
        if is_part and stored.parts:
            fields.append(("x-amz-mp-parts-count", str(len(stored.parts))))
        if partial:
            true_range = f"bytes {first}-{last}/{stored.size}"
            if behaviour.spaced_range:
                true_range = f"bytes  {first} - {last} / {stored.size} "
            fields.append(("Content-Range", behaviour.content_range or true_range))
        if behaviour.chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        else:
            announced = length if behaviour.content_length is None else behaviour.content_length
            fields.append(("Content-Length", str(announced)))
        if behaviour.checksum == "any" or (behaviour.checksum and covers):
            fields.append(("x-amz-checksum-crc32", crc32_of(stored)))
        replaced = {name.lower() for name, _ in behaviour.attributes}
        fields = [field for field in fields if field[0].lower() not in replaced] + list(behaviour.attributes)
        await self._send_head(connection, record, behaviour, 206 if partial else 200, [*fields, *behaviour.headers])
        if record.method == "HEAD":
            return not behaviour.close
        whole = await self._send_body(connection, record, behaviour, stored, first, last + 1)
        return whole and self._stays(behaviour)

    async def _send_body(self, connection, record, behaviour, stored, at, stop):
        """Sends [at, stop). Returns False if the behaviour cut the body short."""
        def point(offset, length):
            return offset if offset is not None else None if length is None else at + length

        stall = point(behaviour.stall_at, behaviour.stall_after)
        cut = point(behaviour.cut_at, behaviour.cut_after)
        step = max(1, int(behaviour.pace / _PACED_PIECES_PER_SECOND)) if behaviour.pace else _PIECE_BYTES
        seed = stored.seed + (1 << 32 if behaviour.wrong_bytes else 0)
        started = time.monotonic()
        while at < stop:
            if stall is not None and at >= stall:
                await self._hold(connection, record, behaviour.stall_gate or _FOREVER)
                stall = None
            if cut is not None and at >= cut:
                connection.end(reset=behaviour.cut == "rst")
                record.outcome = "cut"
                return False
            end = min([stop, at + step] + [mark for mark in (stall, cut) if mark is not None and mark > at])
            record.first_byte_at = record.first_byte_at or time.monotonic()
            await connection.send(content_views(seed, at, end - at), chunked=behaviour.chunked)
            record.body_bytes += end - at
            at = end
            if behaviour.pace:
                due = started + record.body_bytes / behaviour.pace
                late = max(0.0, time.monotonic() - due)
                started += late if behaviour.steady else 0.0
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        if behaviour.chunked:
            await connection.send([b"0\r\n\r\n"])
        return True


class _Forever:
    """A gate that never opens."""

    async def passed(self, client_is_there):
        while client_is_there():
            await asyncio.sleep(0.01)
        return False


_FOREVER = _Forever()
