"""The page with numbers that no server gives at will: how it looks, reads and is used."""

import itertools
import json
import re

import pytest

import scenes
from scenes import EVIL

SCENES = {
    "light": dict(scene=scenes.calm), "dark": dict(scene=scenes.calm, colours="dark"),
    "phone": dict(scene=scenes.calm, width=360, height=740), "incident": dict(scene=scenes.incident),
    "incident-dark-phone": dict(scene=scenes.incident, colours="dark", width=360, height=740),
    "empty": dict(scene=scenes.empty), "crowded": dict(scene=scenes.crowded, colours="dark"),
    "crowded-phone": dict(scene=scenes.crowded, width=360, height=740),
}


@pytest.fixture
def scene(open_page, constant_page):
    """scene(NAME) opens the page with the numbers of a scene, and waits until they are there."""
    def show(name):
        how = SCENES[name]
        return open_page(constant_page, **(how | {"scene": how["scene"]()})).wait_live()
    return show


def assert_nothing_serious(page):
    from axe_playwright_python.sync_playwright import Axe  # of build/tools/ui; status_page knows the path
    found = Axe().run(page.tab).response["violations"]
    serious = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_fits_the_screen(scene, name):
    page = scene(name)
    if name in ("light", "incident-dark-phone", "crowded"):
        assert_nothing_serious(page)
    widths = page.tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] == widths[1], "the page scrolls sideways"
    widths = page.tab.evaluate("(box => [box.scrollWidth, box.clientWidth])(document.querySelector('#warnings').parentElement)")
    assert widths[0] == widths[1], "the warnings scroll sideways"
    assert page.faults == []
    page.picture(name)


def test_the_plots_are_drawn(scene):
    page = scene("incident")
    drawn = page.tab.eval_on_selector_all("#panels .panel", "panels => panels.map(panel => panel.id)")
    assert len(drawn) == 12
    empty = scene("empty")
    for panel in set(drawn) - {"disk"}:
        assert page.colours(panel) > empty.colours(panel) >= 2, panel
    assert empty.text("#disk").endswith("This server has no disk.")


def test_the_line_on_top_says_the_worst_first(scene):
    page = scene("incident")
    assert page.text("#worst").startswith("Bad: bucket media-eu is down")
    assert [line.split(":")[0] for line in page.text("#others").splitlines()] == ["bucket_down, since 20", "Bad", "Warning"]
    assert page.tab.title().startswith("■ Bad: bucket media-eu is down")
    assert page.tab.get_attribute("#findings", "data-level") == "bad"
    calm = scene("light")
    assert calm.text("#worst") == "All is well" and calm.tab.title().startswith("Cachey ")


def test_a_screen_reader_hears_a_finding_once_and_not_each_number(open_page, constant_page):
    whole = scenes.incident() | {"interval_ms": 50}
    page = open_page(constant_page, scene=whole).wait_live()
    numbers, code = itertools.count(1), "fetches_fail"

    def answer(route):
        worst = {"level": "bad", "code": code, "text": f"{next(numbers)} of 900 failed", "since_ms": whole["now_ms"]}
        route.fulfill(body=json.dumps(whole | {"rows": [], "first": 601, "findings": [worst]}), content_type="application/json")

    page.tab.evaluate("""() => {
        window.heard = [];
        const told = document.querySelector("[role=status]");
        new MutationObserver(() => window.heard.push(told.textContent)).observe(told, { childList: true, characterData: true, subtree: true });
    }""")
    page.tab.route(re.compile("/ui/data"), answer)
    page.wait("/Bad: [0-9]{2,} of/.test(document.querySelector('#worst').textContent)")
    assert page.tab.evaluate("window.heard") == ["Bad: 1 of 900 failed"]
    code = "disk_offline"
    page.wait("window.heard.length > 1")


def test_names_are_text_whatever_they_look_like(scene):
    page = scene("crowded")
    names = [row[0] for row in page.table("buckets")]
    assert EVIL in names and "a&amp;b" in names and "</script><b>bold" in names
    assert len(names) == 20 and "80 more" in page.text("#buckets-note")
    assert EVIL in page.text("#worst")
    assert page.tab.eval_on_selector_all("img, b", "found => found.length") == 0
    assert "�right-to-left" in names, "a name turns the text around"
    (long,) = [name for name in names if name.startswith("xxx")]
    assert len(long) < 100 and page.tab.get_attribute(f"#buckets th:text-is('{long}')", "title") == "x" * 255


def test_the_moment_moves_by_keys(scene):
    page = scene("incident")
    assert page.values("store")["failures"][0] != "0 /s"
    assert page.text("#moment-text").endswith(", the newest")
    newest = page.values("sources")
    page.tab.focus("#moment")
    page.tab.keyboard.press("Home")
    assert page.text("#moment-text").startswith("20:16:4") and "9 min 59 s before" in page.text("#moment-text").replace("\u00a0", " ")
    assert page.values("store")["failures"][0] == "0 /s" and page.values("sources") != newest
    assert "20:16:4" in page.text("#sources thead")
    assert "at 20:16:4" in page.tab.get_attribute("#sources .plot", "aria-label")
    page.tab.keyboard.press("ArrowRight")
    assert "9 min 58 s before" in page.text("#moment-text").replace("\u00a0", " ")
    page.tab.click("#newest")
    assert page.values("sources") == newest


def test_the_moment_stays_while_newer_seconds_come(open_page, constant_page):
    whole = scenes.incident()
    page = open_page(constant_page, scene=whole | {"rows": whole["rows"][:-5]}, later=whole["rows"][-5:]).wait_live()
    page.tab.focus("#moment")
    page.tab.keyboard.press("ArrowLeft")
    at = page.text("#moment-text").partition(",")[0]
    page.wait("document.querySelector('#moment-text').textContent.replace(/\\s/g, ' ').includes('6 s before')")
    assert page.text("#moment-text").startswith(at)


def test_a_clock_that_is_set_back_does_not_stop_the_page(open_page, constant_page):
    whole = scenes.calm()
    hour_back = [[whole["rows"][-1][0] - 3_600_000, *whole["rows"][-1][1:]]]
    page = open_page(constant_page, scene=whole | {"rows": whole["rows"][:-1]}, later=hour_back).wait_live()
    page.wait("document.querySelector('#moment-text').textContent.startsWith('19:26:4')")
    assert page.faults == []


def test_the_pointer_moves_the_moment_of_all_plots(scene):
    page = scene("incident")
    box = page.tab.locator("#throughput .u-over").bounding_box()
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.wait("document.querySelector('#moment-text').textContent.includes('20:21:')")
    assert "20:21:" in page.text("#statuses thead")
    page.tab.mouse.move(5, 5)
    page.wait("document.querySelector('#moment-text').textContent.endsWith('newest')")


def test_the_first_stop_of_the_keyboard_skips_the_plots(scene):
    page = scene("light")
    page.tab.keyboard.press("Tab")
    assert page.tab.evaluate("document.activeElement.textContent") == "Skip the plots"
    page.tab.keyboard.press("Enter")
    page.wait("document.activeElement.id === 'tables'")


def test_labels_say_the_numbers(scene):
    page = scene("light")
    labels = page.tab.eval_on_selector_all(".plot", "plots => plots.map(plot => plot.getAttribute('aria-label'))")
    assert len(labels) == 12
    said = page.values("memory")["used"][0]
    assert any(label.startswith("Memory, a plot of the last ten minutes; now:") and f"used {said}" in label for label in labels)


def test_a_column_that_the_server_does_not_know_is_a_dash(open_page, constant_page):
    known = scenes.calm()
    keep = [at for at, name in enumerate(known["columns"]) if name not in ("hedges", "loop_lag_max_us")]
    less = known | {"columns": [known["columns"][at] for at in keep] + ["news"],
                    "rows": [[row[at] for at in keep] + [1] for row in known["rows"]]}
    page = open_page(constant_page, scene=less).wait_live()
    assert page.values("store")["hedges"] == ("–", "–") and page.values("loops")["lag"] == ("–", "–")
    assert page.values("store")["attempts"][0] != "–" and page.faults == []
