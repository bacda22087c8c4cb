"""h2spec, the conformance test of HTTP/2, in clear text and over TLS."""

import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from harness import ROOT, limit

PROGRAM = ROOT / "build" / "tools" / "h2spec"
EXEMPT = ROOT / "tests" / "h2spec" / "exempt.txt"
CASES_LEAST = 140


def exempt():
    lines = EXEMPT.read_text(encoding="utf-8").splitlines()
    return {tuple(line.split("\t")) for line in lines if line and not line.startswith("#")}


@pytest.mark.parametrize("options,flags", [((), ()), (("--tls-self",), ("--tls", "--insecure"))], ids=["clear", "tls"])
def test_every_case_passes_but_the_exempt(start_server, directory, tmp_path, options, flags):
    assert PROGRAM.exists(), "h2spec is not built: ./dev test does so, see build_test_tools in dev"
    server = start_server("--origin", f"dir:{directory.path}", "--memory", "64MiB", *options)
    report = tmp_path / "report.xml"
    subprocess.run([PROGRAM, "--strict", "--port", str(server.port), "--path", "/healthz", "--junit-report", report,
                    "--timeout", f"{limit(1):.0f}", *flags], stdout=subprocess.DEVNULL, timeout=limit(120), check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {(case.get("package"), case.get("classname")) for case in cases
              if case.find("error") is not None or case.find("failure") is not None}
    assert len(cases) >= CASES_LEAST
    assert failed - exempt() == set()
