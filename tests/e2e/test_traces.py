"""W3C Trace Context goes from the client to the store, and into both logs."""

import re

from harness import MIB, wait_until
from http1 import range_header
from origin_model import Behaviour

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_a_trace_goes_on_to_the_store_and_into_both_logs(s3_server, origin, kind, tmp_path):
    for key in ("traced", "untraced"):
        origin.put(kind, key, size=MIB)
    origin.put(kind, "failing", size=MIB)
    origin.behave(kind, "failing", Behaviour(code="InternalError"))
    log = tmp_path / "access.log"
    server = s3_server("--access-log", str(log))
    traced = [("traceparent", PARENT), ("tracestate", "congo=t61rcWkgMzE"), ("tracestate", "rojo=1")]
    assert server.fetch(kind, "traced", 0, 9, traced).status == 206
    assert server.fetch(kind, "untraced", 0, 9, [("traceparent", "00-" + TRACE)]).status == 206
    assert server.fetch(kind, "failing", 0, 9, [*traced, ("C0-Config", "ma=1")]).status == 502
    (asked,) = origin.requests(kind, "traced")
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", asked.header("traceparent"))
    assert asked.header("traceparent") != PARENT
    assert asked.header("tracestate") == "congo=t61rcWkgMzE,rojo=1"
    (asked,) = origin.requests(kind, "untraced")
    assert not asked.header("traceparent")
    server.expect_log("origin attempt failed", f"trace_id={TRACE}")

    def lines():
        """By object name, because the order of lines of different workers may vary."""
        return {re.search(rf"target=/fetch/{kind}/(\w+) ", line)[1]: line for line in log.read_text().splitlines(keepends=True)
                if line.endswith("\n")}

    wait_until(lambda: len(lines()) == 3, what="the lines of the access log")
    found = lines()
    assert {key: f"trace_id={TRACE}" in line for key, line in found.items()} == {"traced": True, "untraced": False, "failing": True}
    assert f"bucket={kind}" in found["traced"] and "range=\"bytes=0-9\"" in found["traced"]
    assert "error=upstream" in found["failing"] and "bucket=- " in found["failing"]
