"""Machines: network namespaces on one bridge of this machine, which can vanish without a packet. Needs root."""

import ctypes
import itertools
import os
import socket
import subprocess
import threading

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


class Hosts:
    """A bridge and its machines. Inside a machine, 127.0.0.1 is its own."""

    def __init__(self):
        number = os.getpid() % 250
        self._bridge = f"fleet{os.getpid() % 100000}"
        self._network = f"198.18.{number}"  # of the block for benchmarks
        self._spaces, self._ports = [], []

    def __enter__(self):
        ip(f"link add {self._bridge} type bridge")
        ip(f"addr add {self._network}.1/24 dev {self._bridge}")
        ip(f"link set {self._bridge} up")
        return self

    def __exit__(self, *_):
        for port in self._ports:  # a namespace lasts longer than its processes, while a connection waits for its end
            ip(f"link del {port}")
        for space in self._spaces:
            space.kill()
            space.wait()
        ip(f"link del {self._bridge}")

    def add(self):
        space = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec sleep 3600"],
                                 stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._spaces.append(space)
        assert space.stdout.readline() == b"\n", "no network namespace"
        number = len(self._spaces)
        host = Host(space.pid, f"{self._network}.{number + 1}", f"{self._bridge}v{next(_numbers)}")
        ip(f"link add {host.port} type veth peer name eth0 netns {space.pid}")
        self._ports.append(host.port)
        ip(f"link set {host.port} master {self._bridge} up")
        subprocess.run([*host.words, "ip", "addr", "add", f"{host.address}/24", "dev", "eth0"], check=True)
        subprocess.run([*host.words, "ip", "link", "set", "eth0", "up"], check=True)
        return host


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
