"""The status page in a browser: what a person sees of it, and what the browser notes: requests, errors, violations."""

import contextlib
import json
import os
import pathlib
import re
import sys
import sysconfig
import time

from harness import ROOT, limit

_TOOLS = ROOT / "build" / "tools" / "ui" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
if _TOOLS.exists():
    sys.path.append(str(_TOOLS))

from playwright.sync_api import sync_playwright  # noqa: E402  (the path above comes first)

PICTURES = os.environ.get("CACHEY_TEST_PICTURES")
"""A folder for pictures of the scenes; none are kept without."""


@contextlib.contextmanager
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield running
        running.close()


class StatusPage:
    """A window with the page."""

    def __init__(self, tab):
        self.tab = tab
        self.requests = []
        self.faults = []  # errors of the console and of scripts
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("console", lambda message: message.type in ("error", "warning") and self.faults.append(message.text))
        tab.on("pageerror", lambda error: self.faults.append(str(error)))

    def wait(self, condition, seconds=10):
        """Until a JavaScript expression is true in the page. (Playwright's own wait needs eval, which the policy forbids.)"""
        deadline = time.monotonic() + limit(seconds)
        while not self.tab.evaluate(condition):
            assert time.monotonic() < deadline, f"{condition} did not come true in {limit(seconds):.0f} s; on top: {self.text('#worst')!r}"
            self.tab.wait_for_timeout(20)

    def wait_live(self, seconds=10):
        self.wait("document.querySelector('#link').dataset.state === 'live'", seconds)
        return self

    def text(self, selector):
        return self.tab.inner_text(selector)

    def values(self, panel):
        """{label: (value at the moment, value of the ten minutes)} of the table below a panel's plot."""
        rows = self.tab.eval_on_selector_all(f"#{panel} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
        return {label: (now, whole) for label, now, whole in rows}

    def table(self, name):
        """The texts of a table's cells, row by row."""
        return self.tab.eval_on_selector_all(f"#{name} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")

    def colours(self, panel):
        """How many colours the pixels of a panel's plot have."""
        return self.tab.eval_on_selector(f"#{panel} canvas", """canvas => new Set(
            new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size""")

    def picture(self, name):
        if PICTURES:
            self.tab.screenshot(path=str(pathlib.Path(PICTURES) / f"{name}.png"), full_page=True)


def shown(number):
    """A count as the page writes it."""
    return f"{number:,}"


@contextlib.contextmanager
def opened(running, address, scene=None, later=(), width=1280, height=800, colours="light", script=True):
    """`scene`: an answer of /ui/data that takes the place of the server's; `later`: the rows of the next answer."""
    with running.new_context(viewport={"width": width, "height": height}, color_scheme=colours, timezone_id="UTC",
                             java_script_enabled=script) as context:
        page = StatusPage(context.new_page())
        if scene is not None:
            next_row = scene["first"] + len(scene["rows"])

            def answer(route):
                since = re.search(r"since=(\d+)", route.request.url)
                rows = scene["rows"] if not since else later if int(since[1]) < next_row else []
                first = scene["first"] if not since else next_row
                route.fulfill(body=json.dumps(scene | {"rows": rows, "first": first}), content_type="application/json")

            page.tab.route(re.compile(r"/ui/data"), answer)
        page.tab.goto(address)
        yield page
