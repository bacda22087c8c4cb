"""The incidents: a server in calm, what goes wrong then, and what operators must be told."""

import random
import signal
import ssl
import subprocess
import threading

from faulty_disk import FaultyDisk
from held_threads import hold_in_rhythm, threads_of
from origin_model import Behaviour
from readers import Readers, fresh, hot
from store import Store

KIB, MIB = 1 << 10, 1 << 20
USUAL_SECONDS = 0.01  # of the store


class Incident:
    """One incident. It runs in a process of its own: the server starts, then calm(), begin(), end(), the server ends, and
    close()."""

    name = ""
    alerts = frozenset()  # must fire
    also_alerts = frozenset()  # may fire: consequences
    findings = frozenset()
    also_findings = frozenset()
    top = None  # the finding on the status page's top line
    log = ()  # regular expressions of lines
    options = ()
    threads = 1
    secure = False  # the server speaks TLS
    object_size = 64 * KIB

    def __init__(self, folder):
        self.folder = folder
        self.over = threading.Event()
        self.readers = []
        self.store = Store(self.object_size).__enter__()
        self.environment = self.store.environment()
        self.arguments = ["--origin", "s3", "--memory", "64MiB", "--threads", str(self.threads), "--ui", *self.options]
        self.prepare()

    def prepare(self):
        """Before the server starts."""

    def read(self, keys, rate, **named):
        self.readers.append(Readers(self.server.port, self.kind, keys, rate, **named))

    @property
    def kind(self):
        """Also the bucket, if readers name none."""
        return self.name.replace("_", "-")

    def calm(self, server):
        """The load before and during the incident."""
        self.server = server
        self.read(hot(), 20)
        self.read(fresh(), 8)

    def begin(self):
        """From now on something is wrong."""

    def end(self):
        """The clients leave."""
        self.over.set()
        for readers in self.readers:
            readers.stop()

    def close(self):
        self.store.__exit__()


class Calm(Incident):
    name = "calm"


class SlowBucket(Incident):
    """A bucket answers 1.5 s later; another one does not."""

    name = "slow_bucket"
    alerts = {"CacheyBucketSlow"}
    findings = {"bucket_slow"}
    top = "bucket_slow"

    def calm(self, server):
        self.server = server
        self.read(hot(), 20, buckets=["slow-bucket-1"])
        self.read(fresh("one"), 4, buckets=["slow-bucket-1"])
        self.read(fresh("two"), 8, buckets=["slow-bucket-2"], connections=20)

    def begin(self):
        self.store.answer = lambda record: Behaviour(delay=1.5 if record.bucket == "slow-bucket-2" else USUAL_SECONDS)


class ThrottlingBucket(Incident):
    """A bucket answers 503 SlowDown to 30 % of requests."""

    name = "throttling_bucket"
    part = 0.3
    alerts = {"CacheyOriginThrottles"}
    findings = {"bucket_throttles"}
    top = "bucket_throttles"
    log = [r"warning bucket throttles bucket=throttling-bucket count=\d+ of=\d+ "]

    def begin(self):
        chance = random.Random(1)
        self.store.answer = lambda record: (Behaviour(status=503, code="SlowDown") if chance.random() < self.part
                                            else Behaviour(delay=USUAL_SECONDS))


class FailingBucket(ThrottlingBucket):
    """A bucket answers 503 SlowDown to all requests."""

    name = "failing_bucket"
    part = 1
    alerts = {"CacheyBucketDeprioritized", "CacheyFetchesFail"}
    also_alerts = {"CacheyOriginThrottles"}
    findings = {"bucket_down", "fetches_fail"}
    also_findings = {"bucket_throttles"}
    top = "bucket_down"  # the cause; that fetches fail is the effect
    log = [r"warning bucket deprioritized bucket=failing-bucket "]


class HangingBucket(Incident):
    """The store takes connections and answers nothing."""

    name = "hanging_bucket"
    options = ("--download-timeout-ms", "5000")
    alerts = {"CacheyBucketDeprioritized"}
    also_alerts = {"CacheyFetchesFail"}
    findings = {"bucket_down"}
    also_findings = {"fetches_fail", "misses_refused", "turns_refused"}
    top = "bucket_down"
    log = [r"warning bucket deprioritized bucket=hanging-bucket "]

    def calm(self, server):
        self.server = server
        self.read(hot(), 20)
        self.read(fresh(), 8, connections=40)

    def begin(self):
        self.store.answer = lambda record: Behaviour(delay=120)


class RefusedKey(Incident):
    """The key was deleted: the store refuses it. No other one is found."""

    name = "refused_key"
    alerts = {"CacheyCredentialsFail", "CacheyFetchesFail"}
    findings = {"credentials_fail", "fetches_fail"}
    top = "credentials_fail"
    log = [r"warning origin attempt failed .*InvalidAccessKeyId"]

    def begin(self):
        self.store.answer = lambda record: Behaviour(status=403, code="InvalidAccessKeyId")


class DeniedBucket(Incident):
    """The policy of a bucket was changed: the store denies its objects."""

    name = "denied_bucket"
    alerts = {"CacheyBucketRefuses"}
    findings = {"bucket_refuses"}
    top = "bucket_refuses"

    def begin(self):
        self.store.answer = lambda record: Behaviour(status=403, code="AccessDenied")


class WithDisk(Incident):
    """The hot objects are more than memory holds, and the disk has them."""

    object_size = 1 * MIB
    options = ("--disk-capacity", "1GiB", "--disk-bypass")  # tests' servers have no --disk-bypass by themselves
    hot_objects = 100
    trouble = ""  # of faulty_disk.py

    def prepare(self):
        disk = self.folder / "disk"
        disk.mkdir()
        self.disk = FaultyDisk(self.folder.parent / "faulty_disk.so", disk, self.folder / "faults")
        self.environment = self.environment | self.disk.environment
        self.arguments += self.disk.arguments

    def calm(self, server):
        self.server = server
        self.read(hot(self.hot_objects), 40, size=self.object_size)
        self.read(fresh(), 4)

    def begin(self):
        self.disk.set(self.trouble)

    def end(self):
        self.disk.set()
        super().end()


class SlowDisk(WithDisk):
    """Reads of the disk take 0.4 s."""

    name = "slow_disk"
    alerts = {"CacheyDiskSlow"}
    findings = {"disk_slow"}
    top = "disk_slow"
    log = [r"warning disk slower than the store"]
    trouble = "read delay 400"


class FailingDisk(WithDisk):
    """The disk answers EIO."""

    name = "failing_disk"
    alerts = {"CacheyDiskOffline"}
    findings = {"disk_offline"}
    top = "disk_offline"
    log = [r"error disk offline after failures"]
    trouble = "any fail 5"


class Thrashing(Incident):
    """The working set becomes three times as large as memory."""

    name = "thrashing"
    alerts = {"CacheyThrashing"}
    findings = {"thrashing"}
    top = "thrashing"
    object_size = 1 * MIB

    def begin(self):
        chance = random.Random(1)
        self.read((f"large-{chance.randrange(192)}" for _ in iter(int, 1)), 60, connections=12)


class OneClient(Incident):
    """One client makes misses on 60 connections, more than the store takes, while others read as before."""

    name = "one_client"
    alerts = {"CacheyOneClient"}
    findings = {"one_client"}
    top = "one_client"
    options = ("--bucket-requests", "4")

    def prepare(self):
        self.store.answer = lambda record: Behaviour(delay=0.05)

    def begin(self):
        self.read(fresh("greedy"), 120, connections=60, address="127.0.0.66")


class HeldLoop(Incident):
    """The event loop stands still for 0.5 s again and again; not in step with what happens once a second."""

    name = "held_loop"
    alerts = {"CacheyEventLoopSlow"}
    findings = {"loop_held"}
    top = "loop_held"

    def begin(self):
        [worker] = threads_of(self.server.pid, "worker")
        threading.Thread(target=hold_in_rhythm, args=(worker, 0.5, 0.37, self.over), daemon=True).start()


class ExpiringCertificate(Incident):
    """A certificate that expires in 10 days takes the place of one of 90 days."""

    name = "expiring_certificate"
    alerts = {"CacheyCertificateExpires"}
    findings = {"certificate_expires"}
    top = "certificate_expires"
    secure = True

    def prepare(self):
        self.certificate, self.key = self.folder / "certificate.pem", self.folder / "key.pem"
        self.make(90)
        self.arguments += ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)]

    def make(self, days):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                        "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)

    def read(self, keys, rate, **named):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().read(keys, rate, tls=context, **named)

    def begin(self):
        self.make(10)
        self.server.signal(signal.SIGHUP)


ALL = [Calm, SlowBucket, ThrottlingBucket, FailingBucket, HangingBucket, RefusedKey, DeniedBucket, SlowDisk, FailingDisk,
       Thrashing, OneClient, HeldLoop, ExpiringCertificate]
