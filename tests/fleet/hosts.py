"""Machines: network namespaces on one bridge of this machine, which can vanish without a packet. Needs root."""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(words):
    subprocess.run(["ip", *words.split()], check=True, stderr=subprocess.PIPE, text=True)


class Unavailable(Exception):
    """This user, container or kernel has no network namespaces."""


class Hosts:
    """A bridge and its machines. Inside a machine, 127.0.0.1 is its own. Raises Unavailable."""

    def __init__(self):
        number = os.getpid() % 512
        self._bridge = f"fleet{os.getpid()}"
        self._network = f"198.{18 + number // 256}.{number % 256}"  # of the block for benchmarks
        self._stack = contextlib.ExitStack()
        self._count = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            try:
                subprocess.run(["unshare", "--net", "true"], check=True, capture_output=True)
                ip(f"link add {self._bridge} type bridge")
            except (OSError, subprocess.CalledProcessError) as error:
                raise Unavailable(f"{error} {getattr(error, 'stderr', '')}") from error
            stack.callback(ip, f"link del {self._bridge}")
            ip(f"addr add {self._network}.1/24 dev {self._bridge}")
            ip(f"link set {self._bridge} up")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def add(self):
        space = Space()
        self._stack.callback(space.end)
        self._count += 1
        host = Host(space.pid, f"{self._network}.{self._count + 1}", f"{self._bridge}v{self._count}")
        ip(f"link add {host.port} type veth peer name eth0 netns {space.pid}")
        # Before the processes of the namespace, which lasts longer than they while a connection waits for its end.
        self._stack.callback(ip, f"link del {host.port}")
        ip(f"link set {host.port} master {self._bridge} up")
        subprocess.run([*host.words, "ip", "addr", "add", f"{host.address}/24", "dev", "eth0"], check=True)
        subprocess.run([*host.words, "ip", "link", "set", "eth0", "up"], check=True)
        return host


class Space:
    """A network namespace: that of a process that sleeps, and ends with the tests."""

    def __init__(self):
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c",
                                          "ip link set lo up && echo && exec sleep 3600"],
                                         stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.pid = self._process.pid
        if self._process.stdout.readline() != b"\n":
            self.end()
            raise AssertionError("no network namespace")

    def end(self):
        self._process.kill()
        self._process.communicate()


class Host:
    """`words` run a command there; `port` is its place at the bridge."""

    def __init__(self, pid, address, port):
        self._pid = pid
        self.address = address
        self.port = port
        self.words = ["nsenter", "--net", "--target", str(pid), "--"]

    def vanish(self):
        """Its packets go nowhere, nobody is told, and its connections stay as they are."""
        ip(f"link set {self.port} down")

    def come_back(self):
        ip(f"link set {self.port} up")

    def loses(self, share):
        """Loses this share of the packets in each direction. Fails if the kernel cannot."""
        for chain, device in (("INPUT", "-i"), ("OUTPUT", "-o")):
            subprocess.run([*self.words, "iptables", "-A", chain, device, "eth0", "-m", "statistic", "--mode", "random",
                            "--probability", str(share), "-j", "DROP"], check=True, capture_output=True)

    def listener(self, port):
        """A socket that listens at 127.0.0.1 of this machine."""
        made = []

        def enter():  # a thread of its own: the namespace is the thread's
            with open(f"/proc/{self._pid}/ns/net", "rb") as space:
                if _libc.setns(space.fileno(), _CLONE_NEWNET):
                    made.append(OSError(ctypes.get_errno(), "setns"))
                else:
                    made.append(socket.create_server(("127.0.0.1", port), backlog=1024))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not isinstance(made[0], socket.socket):
            raise made[0]
        return made[0]
