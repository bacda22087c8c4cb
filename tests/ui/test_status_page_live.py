"""The page of a server under way: its numbers, what is wrong, a shutdown, tokens, other browsers, the cost."""

import http.client
import itertools
import json
import pathlib
import re
import signal
import threading
import time

import http1
import pytest
from harness import MIB, limit, wait_until
from origin_model import Behaviour
from prometheus_text import parse, value
from scripted_origin import ScriptedOrigin
from status_page import shown

ADMIN = re.compile(r"admin_address=127\.0\.0\.1:(\d+)")


def admin_port(server):
    return int(ADMIN.search(server.log())[1])


def page_of(server):
    return f"http://127.0.0.1:{admin_port(server)}/ui"


def all_is_well(page):
    """Or the machine is so busy that the server's loops are held up, which the page says, too."""
    worst = page.text("#worst")
    return worst == "All is well" or "an event loop was held up" in worst


def read(server, kind, key, times=1):
    for _ in range(times):
        assert server.fetch(kind, key, 0, 99).status == 206
        # A read while the page is on its way joins the fetch, and is no hit.
        wait_until(lambda: json.loads(http1.exchange(admin_port(server), "GET", "/stats").text)["fills_in_flight"] == 0, what="the whole page")


def wait_for_a_row(server):
    """The first second has ended: what follows is in the rows."""
    wait_until(lambda: json.loads(http1.exchange(admin_port(server), "GET", "/ui/data").text)["rows"], what="the first row")


@pytest.fixture
def server(start_page_server, origin):
    started = start_page_server(origin, "--admin-listen", "127.0.0.1:0")
    wait_for_a_row(started)
    return started


def metrics_of(server):
    return parse(http1.exchange(admin_port(server), "GET", "/metrics").text)


def entries(families, what):
    return int(value(families, "cachey_entry_requests_total", type=what))


def test_the_numbers_are_those_of_the_metrics(server, origin, open_page, kind):
    for number in range(3):
        origin.put(kind, f"object-{number}", size=MIB)
        read(server, kind, f"object-{number}")
    read(server, kind, "object-0", times=4)
    assert http1.exchange(server.port, "GET", "/fetch/none/none").status == 400
    page = open_page(page_of(server)).wait_live()
    page.wait("document.querySelector('#sources tbody').rows[0].cells[2].textContent === '4'")
    families = metrics_of(server)
    sources = {label: whole for label, (_, whole) in page.values("sources").items()}
    assert sources == {"memory": shown(entries(families, "cache_hit_memory")), "disk": "0", "joined a fetch": "0",
                       "fetched": shown(entries(families, "access") - entries(families, "cache_hit"))}
    assert sources["memory"] == "4" and sources["fetched"] == "3"
    answers = {label: whole for label, (_, whole) in page.values("statuses").items()}
    assert answers["2xx"] == "7" and answers["4xx"] == "1" and answers["5xx"] == "0"
    assert page.values("throughput")["to clients"][1] == "700 B"
    assert page.table("buckets")[0][0] == kind and all_is_well(page)
    assert page.colours("sources") > 3, "the plot of the hits is empty"


def test_a_store_that_fails_is_told_on_top(start_page_server, open_page, kind):
    with ScriptedOrigin() as origin:
        origin.usual = Behaviour(status=503, code="InternalError")
        server = start_page_server(origin, "--admin-listen", "127.0.0.1:0")
        page = open_page(page_of(server)).wait_live()
        assert all_is_well(page)
        keys = itertools.count()
        stop = threading.Event()

        def clients():
            while not stop.wait(0.02):
                server.fetch(kind, f"missing-{next(keys)}", 0, 9, [("C0-Config", "ma=1")])

        client = threading.Thread(target=clients)
        client.start()
        try:
            page.wait("['warn', 'bad'].includes(document.querySelector('#findings').dataset.level)", 15)
        finally:
            stop.set()
            client.join()
        assert page.text("#others")
        assert page.tab.title()[0] in "▲■"
        assert kind in [row[0] for row in page.table("buckets")]


def test_nothing_leaves_the_server_and_the_policy_holds(server, open_page):
    page = open_page(page_of(server)).wait_live()
    origin = f"http://127.0.0.1:{admin_port(server)}"
    page.wait("document.querySelector('#moment-text').textContent !== ''")
    assert {url.partition("?")[0] for url in page.requests} == {f"{origin}/ui", f"{origin}/ui/data"}
    assert page.faults == []
    forbidden = page.tab.evaluate("""async () => {
        const seen = [];
        document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.broken = 1";
        const image = document.createElement("img");
        image.src = "/stats";
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(script, image, style);
        await fetch("http://127.0.0.1:1/").catch(() => {});
        await new Promise((done) => setTimeout(done, 100));
        return [window.broken, ...seen.sort()];
    }""")
    assert forbidden == [None, "connect-src", "img-src", "script-src-elem", "style-src-elem"]


def test_only_new_rows_are_asked_for_and_none_while_hidden(server, open_page, chromium):
    page = open_page(page_of(server)).wait_live()
    wait_until(lambda: page.tab.wait_for_timeout(50) or sum("since=" in url for url in page.requests) >= 2, what="questions for new rows")
    assert sum(url.endswith("/ui/data") for url in page.requests) == 1
    page.tab.evaluate("""() => {
        Object.defineProperty(document, "hidden", { get: () => true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    page.wait("document.querySelector('#link').dataset.state === 'paused'")
    page.tab.wait_for_timeout(300)
    before = len(page.requests)
    page.tab.wait_for_timeout(1500)
    assert len(page.requests) == before


def test_a_restart_is_told(start_page_server, origin, open_page):
    first = start_page_server(origin, "--admin-listen", "127.0.0.1:0")
    port = admin_port(first)
    page = open_page(page_of(first)).wait_live()
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    page.wait("document.querySelector('#link').dataset.state === 'gone'")
    assert page.text("#worst").startswith("Gone: no answer since ") and page.tab.title().startswith("◌ Gone")
    start_page_server(origin, "--admin-listen", f"127.0.0.1:{port}")
    page.wait_live()
    assert "The server was restarted at " in page.text("#restart")
    assert all_is_well(page)


def test_a_token_is_asked_for_and_kept(start_page_server, origin, open_page, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text("a-token-0123456789\n")
    server = start_page_server(origin, "--admin-listen", "127.0.0.1:0", "--auth-tokens", str(tokens))
    page = open_page(page_of(server))
    page.wait("!document.querySelector('#token').hidden")
    assert page.tab.evaluate("document.activeElement.id") == "token-value"
    page.tab.keyboard.type("another-token-0123456789")
    page.tab.keyboard.press("Enter")
    page.wait("document.querySelector('#token-fault').textContent.includes('does not know this token')")
    page.tab.fill("#token-value", "a-token-0123456789")
    page.tab.keyboard.press("Enter")
    page.wait_live()
    assert page.tab.is_hidden("#token")
    page.tab.reload()
    page.wait_live()
    assert "token" not in server.log().replace("--auth-tokens", "").replace("auth_tokens", "")


def test_without_script_there_is_a_table(server, origin, open_page, kind):
    origin.put(kind, "object", size=MIB)
    read(server, kind, "object", times=3)
    page = open_page(page_of(server), script=False)
    page.tab.wait_for_url("**/ui/table")

    def cells():
        page.tab.reload()
        rows = page.tab.locator("tr", has_text="pages from memory").locator("th, td").all_inner_texts()
        return rows if rows[2] == "2" else None

    assert wait_until(cells, what="two hits in the table")[3] == "sum"
    assert all_is_well(page) and page.faults == []


def test_the_page_stands_at_the_data_port_only_if_asked_for(start_page_server, origin):
    plain = start_page_server(origin)
    beside = start_page_server(origin, "--ui")
    both = start_page_server(origin, "--ui", "--admin-listen", "127.0.0.1:0")
    for path in ("/ui", "/ui/data", "/ui/table"):
        assert http1.exchange(plain.port, "GET", path).status == 404, path
        assert http1.exchange(beside.port, "GET", path).status == 200, path
        assert http1.exchange(both.port, "GET", path).status == http1.exchange(admin_port(both), "GET", path).status == 200, path
    home = http1.exchange(admin_port(both), "GET", "/")
    assert home.status == 302 and home.header("Location") == "/ui"
    assert http1.exchange(beside.port, "GET", "/").status == 404


def cpu_seconds(pid):
    """Of all threads that run, to the nanosecond."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9


def test_fifty_open_pages_cost_little(server):
    """What 50 pages ask: each once a second for the newest row, over a connection that stays."""
    seconds = 4
    connections = [http.client.HTTPConnection("127.0.0.1", admin_port(server), timeout=limit(10)) for _ in range(50)]
    since = itertools.count(1)
    begun, before = time.monotonic(), cpu_seconds(server.pid)
    for second in range(seconds):
        newest = next(since)
        for connection in connections:
            connection.request("GET", f"/ui/data?since={newest}")
            answer = connection.getresponse()
            assert answer.status == 200 and len(answer.read()) < 100_000
        time.sleep(max(0, begun + second + 1 - time.monotonic()))
    share = (cpu_seconds(server.pid) - before) / (time.monotonic() - begun)
    for connection in connections:
        connection.close()
    assert share < limit(0.01), f"{share:.3%} of a CPU"
