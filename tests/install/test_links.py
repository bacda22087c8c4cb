"""All Markdown files: relative links lead to files of the project, anchors to headings; lines of text are at most 120
columns."""

import functools
import pathlib
import re
import subprocess
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
FENCE = re.compile(r"^\s*```.*?^\s*```", re.MULTILINE | re.DOTALL)


def documents():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, text=True,
                            capture_output=True, check=True)
    return [name for name in listed.stdout.split() if (ROOT / name).exists()]


def text_of(path):
    """The text without blocks of code, each of which becomes one empty line."""
    return FENCE.sub("", path.read_text())


def long_lines(path):
    """Lines of text; a row of a table, and a line of a block of code, may be longer."""
    return [line for line in text_of(path).splitlines() if len(line) > 120 and not line.lstrip().startswith("|")]


@functools.cache
def anchors(path):
    """The anchors of the headings, as GitHub makes them."""
    found = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text_of(path), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{sum(a == anchor for a in found)}")
    return frozenset(found)


def broken_links(path):
    for target in LINK.findall(re.sub(r"`[^`\n]*`", "", text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = urllib.parse.unquote(target).partition("#")
        place = (path.parent / name).resolve() if name else path
        if not place.exists():
            yield f"{target}: no such file"
        elif not place.is_relative_to(ROOT):
            yield f"{target}: outside of the project"
        elif anchor and (place.suffix != ".md" or anchor not in anchors(place)):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name):
    assert list(broken_links(ROOT / name)) == []


@pytest.mark.parametrize("name", sorted({*documents()} - {"docs/performance.md"}))  # bench/compare writes long lines there
def test_lines_fit(name):
    assert long_lines(ROOT / name) == []


def test_long_lines_are_found(tmp_path):
    page = tmp_path / "a.md"
    page.write_text(f"{'a' * 120}\n{'b' * 121}\n| {'c' * 120} |\n```\n{'d' * 121}\n```\n")
    assert long_lines(page) == ["b" * 121]


def test_broken_links_are_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "b.md").write_text("# A *b*, c-d\n```\n# none\n```\n## `x` (y)\n")
    page = tmp_path / "a.md"
    page.write_text("[1](b.md#a-b-c-d) [2](b.md#x-y) [3](b.md#none) [4](c.md) [5](https://x/#y) `[6](d.md)` [7](#z)")
    assert list(broken_links(page)) == ["b.md#none: no such heading", "c.md: no such file", "#z: no such heading"]
