"""A real Prometheus that scrapes the servers of all incidents once a second, with the shipped alerts made shorter."""

import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml
from harness import wait_until
from shortened import write_rules


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _job(name, scheme, targets):
    places = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": instance}}
              for instance, (port, secure) in targets.items() if secure == (scheme == "https")]
    return {"job_name": name, "scheme": scheme, "tls_config": {"insecure_skip_verify": True}, "static_configs": places}


class Prometheus:
    """Instances have the names of their incidents."""

    def __init__(self, folder, targets):
        """targets: name -> port of /metrics, and whether it speaks TLS."""
        write_rules(folder / "alerts.yaml")
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "alerts.yaml")],
            "scrape_configs": [_job("cachey", "http", targets), _job("cachey-tls", "https", targets)],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._port = _free_port()
        self._log = folder / "prometheus.log"
        self._command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
                         f"--web.listen-address=127.0.0.1:{self._port}", "--query.lookback-delta=5s"]
        self._process = None

    def __enter__(self):
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_ready, 30, "Prometheus")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def _is_ready(self):
        assert self._process.poll() is None, self._log.read_text()
        try:
            return self._get("/-/ready") is not None
        except OSError:
            return False

    def _get(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return answer.read()

    def alerts(self):
        """The labels of each alert that fires."""
        found = json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]
        return [alert["labels"] for alert in found if alert["state"] == "firing"]

    def query(self, expression):
        """The result of an instant query; an error in the query raises ValueError."""
        try:
            return json.loads(self._get("/api/v1/query", query=expression))["data"]["result"]
        except urllib.error.HTTPError as refused:
            raise ValueError(f"{expression}: {refused.read().decode()}") from None

    def series(self, selector, start, end):
        """(labels, [(time, value)]) of each series of a selector, once a second."""
        found = json.loads(self._get("/api/v1/query_range", query=selector, start=start, end=end, step="1s"))["data"]["result"]
        return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in found]
