"""HAProxy with the files of deploy/haproxy: only addresses, ports, places of files and server lines are others."""

import re
import socket

from fleet import ROOT, free_ports, get, moved, servers_up, start_haproxy, wait_until

SHIPPED = ROOT / "deploy" / "haproxy"
_SERVERS = re.compile(r"(?:^    server n\d+ .*\n)+", re.MULTILINE)


def server_lines(template, nodes):
    """The server lines of `nodes`, pairs of a node and its id, in their order, each like the template's first line."""
    line = template.splitlines()[0]
    name, address, number = re.match(r"    server (n\d+) (\S+?):\d+ id (\d+)", line).groups()
    made = []
    for node, identity in nodes:
        one = re.sub(rf"\b{re.escape(address)}\b", node.address, line.replace(f" id {number}", f" id {identity}"))
        made.append(re.sub(rf"(?<=[ /]){name}\b", node.name, one) + "\n")
    return "".join(made)


class HAProxy:
    """A running HAProxy in front of nodes; `port` has /fetch, `s3_port` S3 if s3.cfg is one of the files.

    nodes: nodes, whose ids are 101, 102 and so on, or pairs of a node and its id. change: a function of the text, for
    what a test needs otherwise.
    """

    def __init__(self, folder, nodes, files=("haproxy.cfg",), name="haproxy", change=None):
        self.nodes = [one if isinstance(one, tuple) else (one, 101 + at) for at, one in enumerate(nodes)]
        self.port, self.s3_port, self.admin_port = free_ports(3)
        self._folder, self._name, self._files, self._change = folder, name, files, change
        self.text = self._text()
        self.process = None

    def _text(self):
        text = "".join((SHIPPED / file).read_text() for file in self._files)
        text = moved(text, [("bind 0.0.0.0:8080", f"bind 127.0.0.1:{self.port}"),
                            ("bind 0.0.0.0:9000", f"bind 127.0.0.1:{self.s3_port}"),
                            ("bind 127.0.0.1:8404", f"bind 127.0.0.1:{self.admin_port}")])
        text = _SERVERS.sub(lambda found: server_lines(found[0], self.nodes), text)
        return self._change(text) if self._change else text

    def __enter__(self):
        self.process = start_haproxy(self.text, self._folder, self._name)
        try:
            self.wait_for(len(self.nodes))
            # Up as long as nothing is known; then a first failed check is enough to be down.
            wait_until(lambda: set(self.counts("check_code").values()) == {200}, "each node has passed a check")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()

    def wait_for(self, count, seconds=15):
        """Waits until that number of servers of `nodes` is up."""
        def there():
            assert self.process.alive(), self.process.log.read_text()
            return servers_up(self.admin_port) == count
        wait_until(there, f"{count} servers up", seconds)

    def reload(self):
        """A new process with the lines of `nodes` takes over; the old one ends after its requests, as by systemctl reload."""
        self.text, old = self._text(), self.process
        self.process = start_haproxy(self.text, self._folder, self._name, after=old.pid)
        assert old.code() == 0, old.log.read_text()

    def add(self, node):
        """Adds the node to `nodes` while HAProxy runs, with the next id and the options of the file."""
        self.nodes.append((node, 1 + max(identity for _, identity in self.nodes)))
        if " redir " in self.text:  # the socket does not take this option, without which there is no redirect
            self.reload()
            return
        defaults = re.search(r"^    default-server (.*)$", self.text, re.MULTILINE)[1]
        backend = self.text[self.text.index("\nbackend nodes\n"):]
        line = server_lines(_SERVERS.search(backend)[0], self.nodes[-1:]).strip()
        line = re.sub(r" tcp-ut \S+", "", line)  # an option that the socket does not take
        answer = self.command(f"add {line.replace('server ', 'server nodes/', 1)} {defaults}")
        assert "New server registered" in answer, answer
        self.command(f"enable health nodes/{node.name}")
        self.command(f"enable server nodes/{node.name}")

    def command(self, words):
        """The answer of the stats socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._folder / f"{self._name}.sock"))
            connection.sendall(words.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def counts(self, metric, backend="nodes", **labels):
        """The metric haproxy_server_METRIC of each server: {name: value}; `labels` choose series."""
        found = {}
        pattern = re.compile(rf'^haproxy_server_{metric}{{proxy="{backend}",server="([^"]+)"(.*)}} ([0-9.e+]+)$', re.MULTILINE)
        for name, rest, value in pattern.findall(get("127.0.0.1", self.admin_port, "/metrics")[1].decode()):
            if all(f'{label}="{wanted}"' in rest for label, wanted in labels.items()):
                found[name] = found.get(name, 0) + int(float(value))
        return found
