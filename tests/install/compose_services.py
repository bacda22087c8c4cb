"""Runs the services of a compose file without Docker: each in a network of its own, as its image would run it.

Each service has an address in one network, its files and volumes at their paths, its command, environment and health
check as they stand in the file. Names are found by dnsmasq at 127.0.0.11, as in Docker. Programs of this machine stand
for those of the images. Limits of memory are not imposed. Needs root, for networks.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import time

import yaml

from documents import ROOT
from sandbox import BINARY, TOOLS, etc_words

_SECONDS = 40.0

IMAGES = {
    # image: (words that its entrypoint is, variables that it sets, user)
    "cachey": ([str(BINARY)], {"CACHEY_PORT": "8080"}, 65532),
    "haproxy": ([], {}, 99),
    "versity/versitygw": ([str(TOOLS / "versitygw")], {}, 0),
    "curlimages/curl": ([], {}, 100),
    "prom/prometheus": (["/usr/bin/prometheus"], {}, 65534),
}


def image(service):
    """The image that a service names, by default."""
    return re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])


def image_name(service):
    return image(service).rpartition(":")[0]


class Services:
    """The running services; `run` runs a command at the host, where the published ports are on 127.0.0.1."""

    def __init__(self, file, folder, leave_out=()):
        self._base = pathlib.Path(file).parent
        self._folder = folder
        self.services = {name: service for name, service in yaml.safe_load(pathlib.Path(file).read_text())["services"].items()
                         if name not in leave_out}
        self.addresses = {name: f"172.30.0.{2 + at}" for at, name in enumerate(self.services)}
        self._spaces, self._processes, self._others = {}, {}, []

    def __enter__(self):
        try:
            self._make_networks()
            for name in self._in_order():
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in [*self._processes.values(), *self._others, *self._spaces.values()]:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        shutil.rmtree(self._folder / "volumes", ignore_errors=True)  # 1 GiB of disk a node

    def _space(self, name, within=()):
        """A network namespace, which a sleeping process holds."""
        self._spaces[name] = subprocess.Popen([*within, "unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec sleep 3600"],
                                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._spaces[name].stdout.readline() == b"\n", f"no network for {name}"

    def _at(self, name):
        return ["nsenter", "--net", "--target", str(self._spaces[name].pid), "--"]

    def _ip(self, name, words):
        subprocess.run([*self._at(name), "ip", *words.split()], check=True)

    def _make_networks(self):
        self._space("")
        self._ip("", "link add docker0 type bridge")
        self._ip("", "addr add 172.30.0.1/24 dev docker0")
        self._ip("", "link set docker0 up")
        (self._folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in self.addresses.items()))
        for at, name in enumerate(self.services):
            self._space(name, self._at(""))
            self._ip("", f"link add veth{at} type veth peer name eth0 netns {self._spaces[name].pid}")
            self._ip("", f"link set veth{at} master docker0 up")
            self._ip(name, f"addr add {self.addresses[name]}/24 dev eth0")
            self._ip(name, "link set eth0 up")
            self._background(name, ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--listen-address=127.0.0.11", "--bind-interfaces",
                                    "--no-resolv", "--no-hosts", "--user=root", f"--addn-hosts={self._folder}/hosts", "--pid-file="])
        for name, service in self.services.items():
            for port in service.get("ports", ()):
                ip, outside, inside = port.split(":")
                self._background("", ["socat", f"TCP-LISTEN:{outside},bind={ip},fork,reuseaddr,backlog=128",
                                      f"TCP:{self.addresses[name]}:{inside}"])

    def _background(self, space, command):
        self._others.append(subprocess.Popen([*self._at(space), *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL))

    def _in_order(self):
        done = []
        while len(done) < len(self.services):
            done += [name for name, service in self.services.items()
                     if name not in done and set(service.get("depends_on", ())) <= set(done)]
        return done

    def _mounts(self, service):
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                path = (self._base / source).resolve(strict=True)
            else:
                path = self._folder / "volumes" / source
                path.mkdir(parents=True, exist_ok=True)
            yield from ("--ro-bind" if mode == ["ro"] else "--bind", str(path), target)
        for place in service.get("tmpfs", ()):
            yield from ("--tmpfs", place.partition(":")[0])
        yield from ("--ro-bind", str(self._folder / "hosts"), "/etc/hosts")

    def _inside(self, name, command):
        """The words that run `command` in the container."""
        service = self.services[name]
        _, variables, user = IMAGES[image_name(service)]
        root = ["--tmpfs", "/"]
        for entry in sorted(pathlib.Path("/").iterdir()):
            if entry.is_symlink():
                root += ["--symlink", os.readlink(entry), str(entry)]
            elif entry.name not in {"etc", "proc", "dev", "run", "tmp", "var"}:
                root += ["--ro-bind", str(entry), str(entry)]
        root += ["--ro-bind", str(BINARY), str(BINARY), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--tmpfs", "/tmp"]
        settings = variables | service.get("environment", {})
        words = [word for key, value in ({"PATH": os.environ["PATH"]} | settings).items() for word in ("--setenv", key, value)]
        return [*self._at(name), "bwrap", "--die-with-parent", "--clearenv", *words, *root, *etc_words({"haproxy", "prometheus", "hosts"}),
                *self._mounts(service), "--unshare-user", "--uid", str(user), "--gid", str(user), "--cap-drop", "ALL", *command]

    def start(self, name):
        """Starts a service, after what it depends on is as its conditions say."""
        service = self.services[name]
        conditions = service.get("depends_on", ())
        for other in conditions:
            self.wait_for(other, conditions[other]["condition"] if isinstance(conditions, dict) else "service_started")
        entrypoint = service.get("entrypoint", IMAGES[image_name(service)][0])
        with open(self._folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(self._inside(name, [*entrypoint, *service.get("command", ())]),
                                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_for(self, name, condition):
        if condition == "service_completed_successfully":
            assert self._processes[name].wait(_SECONDS) == 0, self.log(name)
        elif condition == "service_healthy":
            until = time.monotonic() + _SECONDS
            while not self.healthy(name):
                assert time.monotonic() < until and self._processes[name].poll() is None, self.log(name)
                time.sleep(0.1)

    def healthy(self, name):
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        command[0] = {"/usr/bin/cachey": str(BINARY)}.get(command[0], command[0])
        return subprocess.run(self._inside(name, command), capture_output=True, check=False, timeout=10).returncode == 0

    def alive(self, name):
        return self._processes[name].poll() is None

    def tell_to_stop(self, name):
        """SIGTERM, as `docker compose stop` begins."""
        subprocess.run(["pkill", "-TERM", "-P", str(self._processes[name].pid)], check=True)

    def exit_code(self, name):
        return self._processes[name].wait(_SECONDS)

    def log(self, name):
        return (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def run(self, *command, seconds=30):
        done = subprocess.run([*self._at(""), *command], cwd=ROOT, text=True, capture_output=True, check=False, timeout=seconds)
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout
