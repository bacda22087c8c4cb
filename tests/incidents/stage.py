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
        self.lines = {}  # expression of log lines
        self.topped = {}  # code of a finding, when it was the first that the status page shows
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

    def _get(self, path):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = f"{'https' if self.incident.secure else 'http'}://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=limit(20), context=context) as answer:
            return answer.read().decode()

    def _findings_at(self, path):
        return [finding["code"] for finding in json.loads(self._get(path))["findings"]]

    def _findings_in_words(self):
        """Likewise, of the page without script; its top line must have the words of the first one."""
        page = self._get("/ui/table")
        worst = re.search(r'<p id="worst">([^<]*)</p>', page)[1]
        items = re.findall(r"<li>(?:bad|warn): ([^<]*) \((\w+), since", page)
        assert worst == (items[0][0] if items else "All is well"), page[:2000]
        return [code for _, code in items]

    def look(self, at):
        """Notes lines of the log, and the top of the status page, that are new."""
        missing = [line for line in self.lines_due() if line not in self.lines]
        log = self.log() if missing else ""
        self.lines |= {line: at for line in missing if re.search(line, log)}
        if self.found and self.incident.top not in self.topped:
            for code in self._findings_at("/ui/data")[:1]:
                self.topped.setdefault(code, at)

    def ask(self):
        """Notes what /stats and the status page tell at the end of the incident."""
        self.shown = {path: self._findings_at(path) for path in ("/stats", "/ui/data")}
        self.shown["/ui/table"] = self._findings_in_words()

    def log(self):
        return (self.folder / "server.log").read_text()

    def lines_due(self):
        return [*self.incident.log, *(f"warning finding .*code={code} " for code in self.incident.findings)]

    def faults(self):
        """What operators were not told in time, or told without a reason."""
        told = []
        of = self.incident
        tops = [of.top] if of.top else []
        for what, seen, due, allowed in (("alert", self.fired, of.alerts, of.also_alerts),
                                         ("finding", self.found, of.findings, of.also_findings),
                                         ("line", self.lines, self.lines_due(), ()),
                                         ("top line", self.topped, tops, of.findings | of.also_findings)):
            told += [f"no {what} {name}" for name in due if name not in seen]
            told += [f"{what} {name} after {seen[name]:.1f} s" for name in due
                     if name in seen and not 0 <= seen[name] <= limit(NOTICE_SECONDS)]
            told += [f"{what} {name} is of another incident, after {at:.1f} s" for name, at in seen.items()
                     if name not in set(due) | set(allowed)]
        for path, codes in self.shown.items():
            told += [f"{path} has no {code}: {codes}" for code in set(of.findings) - set(codes)]
            if codes[:1] != tops:
                told += [f"the first finding of {path} is not {of.top}: {codes}"]
        return [f"{of.name}: {one}" for one in told]


class Stage:
    def __init__(self, folder, incidents, trouble_seconds=NOTICE_SECONDS, asks_panels=True):
        folder.mkdir(exist_ok=True)
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
        for player in self.players:
            player.look(at)

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
            for player in self.players:
                player.ask()
            faults = panels.faults(self.prometheus) if self._asks_panels else []
            self.at_end()
        faults += [fault for player in self.players for fault in player.leave()]
        return faults + [fault for player in self.players for fault in player.faults()]
