"""Text of cacheyctl: nothing that a terminal would obey, sizes and times that people read."""

import pytest

from cachey_client.cli.text import shown, size_of, size_text, table, time_text


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\rb", "a\nb", "\x9b31m", "\u202eabc", "\u2028", "\ud800", "\x00", "a\x7f", "\u200b"]
)
def test_no_control_character_reaches_the_terminal(text):
    assert shown(text).isprintable()
    assert shown(text) != text


def test_names_that_people_write_stay_as_they_are():
    assert shown("logs/été 2026/部品+1.parquet") == "logs/été 2026/部品+1.parquet"


def test_long_text_is_cut():
    assert len(shown("a" * 10_000)) == 1000


@pytest.mark.parametrize(
    "count,text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (16 << 20, "16.8 MB"),
        (999_950, "1.0 MB"),
        (1.2e9, "1.2 GB"),
        (4e18, "4.0 EB"),
    ],
)
def test_sizes_have_decimal_units(count, text):
    assert size_text(count) == text


@pytest.mark.parametrize("seconds,text", [(0, "0 s"), (0.4, "0 s"), (61, "1 m 1 s"), (90061, "1 d 1 h"), (-5, "0 s")])
def test_times_have_two_units(seconds, text):
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    "text,count",
    [("4096", 4096), ("100MB", 10**8), ("1.5GiB", 3 << 29), ("200mb/s", 2 * 10**8), ("1 K", 1000), ("8KiB", 8192)],
)
def test_sizes_are_read(text, count):
    assert size_of(text) == count


@pytest.mark.parametrize("text", ["", "-1", "1XB", "1iB", "1e9", "١", "1..5M", "GB", "9" * 40])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        size_of(text)


def test_columns_line_up():
    assert table([["A", "BB"], ["long", "1"]], frozenset({1})) == "A     BB\nlong   1"
