"""One attack on one server: starts all processes, measures the calm, the attack, and what is left of it."""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "origin")]

import honest  # noqa: E402  (the path above comes first)
import protocols  # noqa: E402
import signer  # noqa: E402
import store  # noqa: E402
from cachey_server import CacheyServer  # noqa: E402
from crowd import raise_file_limit  # noqa: E402
from harness import MIB, SLOW, limit, wait_until  # noqa: E402
from socket_memory import sockets_of  # noqa: E402

MEMORY = 256 * MIB
RESIDENT_MAX = MEMORY + 96 * MIB  # --memory and the overhead that docs/performance.md states
SOCKET_BYTES_MAX = MIB // 2  # of kernel memory a connection
SOCKET_BYTES_BASE = 16 * MIB
RECOVERY_SECONDS = 5.0
_SAMPLE_SECONDS = 0.2
_NICE = -10
OPEN_FILES = 16_384  # of the largest crowd, and of the servers


@dataclasses.dataclass(frozen=True)
class Attack:
    """What an attack's file says; every name but `attack` may be missing there."""

    name: str
    summary: str
    options: tuple = ()  # further options of the server
    tls: bool = False
    s3: bool = False  # the attack and the honest clients are at the S3 endpoint, each with a key of its own
    miss_word: str = "new"  # of every tenth honest miss: see store.py
    proxy: bool = False  # honest hits over HTTP/2 share their connection with clients that cancel
    resolver_ms: int = 0  # unset: the store has an address, buckets are in the path; set: see slow_resolver.c
    seconds: float = 0.0  # the least duration of the attack
    recovery_seconds: float = RECOVERY_SECONDS


def names():
    return sorted(path.stem for path in (HERE / "attacks").glob("*.py"))


def load(name):
    module = importlib.import_module("attacks." + name)
    found = {field.name: getattr(module, field.name.upper()) for field in dataclasses.fields(Attack)
             if hasattr(module, field.name.upper())}
    return Attack(name=name, summary=module.__doc__.split("\n")[0], **found)


@dataclasses.dataclass
class Result:
    """What honest clients and the machine saw. Times in seconds, sizes in bytes."""

    attack: Attack
    samples: dict = dataclasses.field(default_factory=dict)  # what: samples under attack, as honest.py prints them
    calm_p99: float = 0.0
    p99: float = 0.0
    stretch: float = 1.0  # how much longer the server's work took because its threads waited for a CPU
    resident: int = 0
    socket_bytes: int = 0
    sockets: int = 0
    recovered: float = 0.0
    not_back: str = ""

    def counts(self, what):
        """(good, all) requests of this sort under attack."""
        found = self.samples.get(what, [])
        return sum(not failure for *_, failure in found), len(found)

    def faults(self):
        """What a server must not let happen; empty: the attack has hurt nobody."""
        found = []
        for what, least in (("hit", 1.0), ("miss", 0.99), ("scrape", 1.0), *([("list", 0.99)] if self.attack.s3 else [])):
            good, total = self.counts(what)
            if not total or good < least * total:
                failures = sorted({failure for *_, failure in self.samples.get(what, []) if failure})
                found.append(f"{what}: {good} of {total}; {'; '.join(failures[:4])}")
        if self.p99 > max(3 * self.calm_p99, limit(0.05)) * self.stretch:
            found.append(f"p99 of hits {self.p99 * 1e3:.0f} ms, calm {self.calm_p99 * 1e3:.1f} ms, "
                         f"stretched {self.stretch:.1f} times by a busy machine")
        if SLOW == 1 and self.resident > RESIDENT_MAX:
            found.append(f"resident {self.resident >> 20} MiB")
        if self.socket_bytes > SOCKET_BYTES_BASE + self.sockets * SOCKET_BYTES_MAX:
            found.append(f"{self.sockets} sockets hold {self.socket_bytes >> 20} MiB in the kernel")
        if self.not_back:
            found.append(f"not back after {self.recovered:.1f} s: {self.not_back}")
        return found


def prefer(pid, nice=_NICE):
    """Other work on this machine takes less CPU from a process that leads a session, if the system allows that."""
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")  # man 7 sched


def start_program(name, *arguments, **pipes):
    """Starts a program of this folder."""
    return subprocess.Popen([sys.executable, str(HERE / name), *arguments], stdout=subprocess.PIPE, text=True, cwd=HERE,
                            start_new_session=True, **pipes)


class Store:
    """The process of store.py."""

    def __enter__(self):
        self._process = start_program("store.py")
        prefer(self._process.pid)
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def environment(self, attack, scratch):
        if not attack.resolver_ms:
            return {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}"}
        shim = pathlib.Path(scratch, "slow_resolver.so")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(HERE / "slow_resolver.c"), "-ldl"],
                       check=True)
        known = [""] if "--s3-force-path-style" in attack.options else ["", "good."]
        return {"AWS_ENDPOINT_URL_S3": f"http://{store.HOST}:{self.port}", "LD_PRELOAD": str(shim),
                "SLOW_RESOLVER_MS": str(attack.resolver_ms),
                "SLOW_RESOLVER_KNOWN": "".join(f" {bucket}{store.HOST} " for bucket in known)}


class Watch(threading.Thread):
    """The peaks of resident and socket memory, while the block runs."""

    def __init__(self, server, port):
        super().__init__(daemon=True)
        self._server = server
        self._port = port
        self._ended = threading.Event()
        self.resident = self.socket_bytes = self.sockets = 0

    def run(self):
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.resident = max(self.resident, resident(self._server.pid))
            count, held = sockets_of(self._port)
            if held >= self.socket_bytes:
                self.socket_bytes, self.sockets = held, count

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def cpu_times(pid):
    """(seconds that the threads of a process ran, seconds that they waited for a CPU): /proc/PID/schedstat."""
    each = [task.joinpath("schedstat").read_text(encoding="ascii").split() for task in
            pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(ran) for ran, _, _ in each) / 1e9, sum(int(waited) for _, waited, _ in each) / 1e9


def start_honest(server, attack):
    """Starts the honest clients of both HTTP versions."""
    if attack.s3:
        clients = [start_program("honest_s3.py", name, str(server.port), str(server.s3_port), stdin=subprocess.PIPE)
                   for name in protocols.NAMES if not name.endswith("+tls")]
    else:
        clients = [start_program("honest.py", name, str(server.port), attack.miss_word, f"{attack.proxy:d}",
                                 stdin=subprocess.PIPE)
                   for name in protocols.NAMES if name.endswith("+tls") == attack.tls]
    for client in clients:
        prefer(client.pid)
    return clients


def end_honest(processes):
    """Ends the honest clients; returns all their samples."""
    for process in processes:
        process.stdin.close()
    samples = [sample for process in processes for sample in json.loads(process.stdout.read())]
    for process in processes:
        process.wait()
    return samples


def port_of(attack, server):
    return server.s3_port if attack.s3 else server.port


def s3_options(scratch):
    """The S3 endpoint, with keys of the same rights for honest and for hostile clients."""
    keys = pathlib.Path(scratch, "keys")
    keys.write_text("".join(f"{key.access_key} {key.secret_key}\n" for key in (signer.HONEST, signer.HOSTILE)),
                    encoding="ascii")
    keys.chmod(0o600)
    return "--s3api-listen", "127.0.0.1:0", "--s3api-keys", str(keys)


@contextlib.contextmanager
def attacker(attack, server, scale):
    """An attack under way; killed at the end of the block, with all programs that it has started."""
    victim = {"port": port_of(attack, server), "tls": attack.tls, "scale": scale}
    process = start_program("attacker.py", attack.name, json.dumps(victim))
    prefer(process.pid, _NICE // 2)
    try:
        told = process.stdout.readline()
        assert told == "begun\n", f"the attack {attack.name} {told or 'ended'}"
        yield
        assert process.poll() is None, f"the attack {attack.name} ended: {process.stdout.read()}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def quantile(samples, part):
    times = sorted(seconds for what, _, seconds, _ in samples if what == "hit")
    return times[min(len(times) - 1, int(len(times) * part))] if times else 0.0


def gauges(client):
    text = client.exchange("GET", "/metrics", timeout=5).body.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


_AT_REST = {"cachey_connections": 1,  # the scrape's own
            "cachey_fills_in_flight": 0, "cachey_memory_waiting_fills": 0, "cachey_memory_admitted_bytes": 0,
            "cachey_origin_requests_waiting": 0}


def what_is_not_back(port, client, number):
    """What of an attack is still to be seen; empty: nothing."""
    try:
        found = gauges(client)
        wrong = [f"{name} {found[name]:.0f}" for name, most in _AT_REST.items() if found[name] > most]
        if not wrong and sockets_of(port)[1] > MIB:
            wrong.append(f"{sockets_of(port)[1] >> 20} MiB in sockets")
        for key in () if wrong else ("hit-0", f"after-{number}"):
            response = client.fetch(honest.KIND, key, 0, 9, timeout=2)
            if response.status != 206 or response.body != store.content(key, 0, 9):
                wrong.append(f"{key}: {response.status} {response.body[:100]!r}")
    except OSError as problem:
        wrong = [repr(problem)]
    return ", ".join(wrong)


def recover(port, client, seconds):
    """(seconds until nothing is to be seen of the attack, what is left after the limit)."""
    began, number, left = time.monotonic(), 0, "unknown"
    while left and time.monotonic() - began < limit(seconds):
        left = what_is_not_back(port, client, number)
        number += 1
        if left:
            time.sleep(0.1)
    return time.monotonic() - began, left


def warm(client):
    """Reads the objects of the honest hits until they come from memory."""
    for key in honest.HITS:
        for first in (0, (16 << 20) if key.startswith("wide") else 0):
            wait_until(lambda: honest.is_hit(client.fetch(honest.KIND, key, first, first + 9)), what=key)


def play(attack, running_store, calm_seconds, attack_seconds, scale):
    """Runs the whole scene; returns its Result."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        tls = ("--tls-self",) if attack.tls else ()
        style = () if attack.resolver_ms else ("--s3-force-path-style",)
        face = s3_options(scratch) if attack.s3 else ()
        options = ("--origin", "s3", "--s3-anonymous", "--memory", f"{MEMORY}", "--threads", "1", *tls, *style, *face)
        environment = {"AWS_REGION": "us-east-1", **running_store.environment(attack, scratch)}
        server = CacheyServer(pathlib.Path(scratch, "log"), options + attack.options, environment, ("setsid",))
        try:
            prefer(server.start().pid)
            return _play(attack, server, calm_seconds, max(attack_seconds, attack.seconds), scale)
        finally:
            server.discard()


def _play(attack, server, calm_seconds, attack_seconds, scale):
    result = Result(attack)
    client = protocols.Client("h1+tls" if attack.tls else "h1", server.port)
    warm(client)
    clients = start_honest(server, attack)
    wait_until(lambda: gauges(client)["cachey_connections"] > 3, 10, "the honest clients")
    calm_at = time.monotonic()
    time.sleep(calm_seconds)
    with Watch(server, port_of(attack, server)) as watch:
        with attacker(attack, server, scale):
            begun_at, (ran, waited) = time.monotonic(), cpu_times(server.pid)
            time.sleep(attack_seconds)
            ended_at, (ran_later, waited_later) = time.monotonic(), cpu_times(server.pid)
        samples = end_honest(clients)
        result.recovered, result.not_back = recover(port_of(attack, server), client, attack.recovery_seconds)
    result.calm_p99 = quantile([sample for sample in samples if calm_at <= sample[1] < calm_at + calm_seconds], 0.99)
    attacked = [sample for sample in samples if sample[1] < ended_at and sample[1] + sample[2] >= begun_at]
    result.p99 = quantile(attacked, 0.99)
    result.stretch = 1 + (waited_later - waited) / max(0.001, ran_later - ran)
    result.samples = {what: [sample for sample in attacked if sample[0] == what] for what in ("hit", "miss", "list", "scrape")}
    result.resident, result.socket_bytes, result.sockets = watch.resident, watch.socket_bytes, watch.sockets
    server.check_log()
    return result
