"""All incidents side by side, each with a store, a server and clients of its own, before one Prometheus."""

import contextlib
import json
import re
import ssl
import subprocess
import sys
import time
import urllib.request

import panels
from faulty_disk import build_library
from harness import limit, wait_until
from play import HERE
from prometheus_server import Prometheus

CALM_SECONDS = 12  # before the incidents: longer than every range of the alerts, made shorter
NOTICE_SECONDS = 15  # from the beginning of an incident to its alert, finding and line
_LOOK_SECONDS = 0.5


class Player:
    """The process of one incident."""

    def __init__(self, incident, folder):
        self.incident = incident
        self.folder = folder
        folder.mkdir()
        with open(folder / "player.log", "wb") as log:
            self._process = subprocess.Popen([sys.executable, str(HERE / "play.py"), incident.name, str(folder)],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.port = None
        self.fired = {}  # alert: seconds after the beginning, negative before; likewise:
        self.found = {}  # code of a finding
        self.shown = {}  # path: codes of the findings there, the worst first

    def wait_for_port(self):
        line = self._process.stdout.readline()
        assert line, (self.folder / "player.log").read_text()
        self.port = int(line)

    def step(self, word):
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def leave(self):
        """Ends the incident; the server must end well."""
        with contextlib.suppress(BrokenPipeError):
            self.step("end")
        try:
            code = self._process.wait(limit(30))
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return [] if code == 0 else [f"{self.incident.name}: {(self.folder / 'player.log').read_text()[-3000:]}"]

    def ask(self):
        """Notes what /stats and /ui/data tell at the end of the incident."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for path in ("/stats", "/ui/data"):
            url = f"{'https' if self.incident.secure else 'http'}://127.0.0.1:{self.port}{path}"
            with urllib.request.urlopen(url, timeout=limit(20), context=context) as answer:
                self.shown[path] = [finding["code"] for finding in json.load(answer)["findings"]]

    def log(self):
        return (self.folder / "server.log").read_text()

    def faults(self):
        """What operators were not told in time, or told without a reason."""
        told = []
        for what, seen, due, allowed in (("alert", self.fired, self.incident.alerts, self.incident.also_alerts),
                                         ("finding", self.found, self.incident.findings, self.incident.also_findings)):
            told += [f"no {what} {name}" for name in due if name not in seen]
            told += [f"{what} {name} after {seen[name]:.1f} s" for name in due
                     if name in seen and not 0 <= seen[name] <= limit(NOTICE_SECONDS)]
            told += [f"{what} {name} is of another incident, after {at:.1f} s" for name, at in seen.items()
                     if name not in set(due) | set(allowed)]
        lines = [*self.incident.log, *(f"warning finding .*code={code}" for code in self.incident.findings)]
        told += [f"no line {line!r}" for line in lines if not re.search(line, self.log())]
        for path, codes in self.shown.items():
            told += [f"{path} has no {code}: {codes}" for code in set(self.incident.findings) - set(codes)]
        return [f"{self.incident.name}: {one}" for one in told]


class Stage:
    def __init__(self, folder, incidents, trouble_seconds=NOTICE_SECONDS, asks_panels=True):
        build_library(folder)
        self._trouble_seconds = trouble_seconds
        self._asks_panels = asks_panels  # they find something if all incidents are there
        self.at_end = lambda: None  # called before Prometheus ends
        self.began_at = None  # Unix seconds
        self.players = [Player(incident, folder / incident.name) for incident in incidents]
        self._folder = folder
        self._began = None
        self.prometheus = None

    def _player_of(self, labels):
        """The alert of a bucket is of the incident that the bucket is named after."""
        name = labels.get("instance") or labels.get("bucket", "").replace("-", "_")
        return next((one for one in self.players if name.startswith(one.incident.name)), None)

    def look(self):
        """Notes the alerts and findings that are new."""
        at = time.monotonic() - self._began if self._began else -1.0
        for labels in self.prometheus.alerts():
            player = self._player_of(labels)
            assert player, f"nobody's alert: {labels}"
            player.fired.setdefault(labels["alertname"], at)
        for found in self.prometheus.query("cachey_finding == 1"):
            self._player_of(found["metric"]).found.setdefault(found["metric"]["code"], at)

    def _all_are_scraped(self):
        seen = {found["metric"]["instance"] for found in self.prometheus.query("cachey_build_info")}
        return len(seen) == len(self.players) and not self.prometheus.alerts()

    def _watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def play(self):
        """Runs all incidents. Returns the faults."""
        with contextlib.ExitStack() as stack:
            for player in self.players:
                player.wait_for_port()
            targets = {one.incident.name: (one.port, one.incident.secure) for one in self.players}
            self.prometheus = stack.enter_context(Prometheus(self._folder, targets))
            wait_until(self._all_are_scraped, 30, "a scrape of each server")
            self._watch(limit(CALM_SECONDS))
            for player in self.players:
                player.step("begin")
            self._began, self.began_at = time.monotonic(), int(time.time())
            self._watch(limit(self._trouble_seconds))
            faults = panels.faults(self.prometheus) if self._asks_panels else []
            for player in self.players:
                player.ask()
            self.at_end()
        faults += [fault for player in self.players for fault in player.leave()]
        return faults + [fault for player in self.players for fault in player.faults()]
