"""The queries of the dashboard and of the runbook, as Prometheus gets them."""

import json
import re

from shortened import ROOT, shorter

_EMPTY_HERE = {  # what a query may ask for and get nothing, with the reason
    r"cachey_s3api_|cachey_heads": "no server here has an S3 endpoint",
    r"unless on|> 0\.|> 10|< 0\.|== 1$": "the query is a condition",
    r"cachey_bucket_latency_predictions|cachey_bucket_latency_seconds": "the first bucket has not had enough reads",
    r"quantile": "nothing of this tier came in the range",
    r"type=\"hedged\"|cachey_hedges_total": "there is a series once a hedge has ended",
    r"failed:": "there is a series once a fetch has failed so",
}


def queries():
    """(where it stands, the query, whether it may be empty)."""
    board = json.loads((ROOT / "deploy" / "grafana" / "cachey.json").read_text())
    found = [(f"panel {panel['title']!r}", target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    found += [("runbook", " ".join(query.split())) for query in re.findall(r"\*\*Query\*\*: `([^`]*)`", runbook)]
    for where, query in found:
        asked = shorter(re.sub(r"\$__rate_interval", "10s", query))
        asked = re.sub(r"\$\w+", ".*", asked)
        yield where, asked, any(re.search(pattern, query) for pattern in _EMPTY_HERE)


def faults(prometheus):
    """Queries that Prometheus refuses, or that find nothing without a reason."""
    told = []
    for where, query, may_be_empty in queries():
        try:
            if not prometheus.query(query) and not may_be_empty:
                told.append(f"{where} is empty: {query}")
        except ValueError as refused:
            told.append(f"{where}: {refused}")
    return told
