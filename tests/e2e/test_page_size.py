"""A page size by kind: what is fetched, told and kept, and a size that changes over a restart."""

import pytest

from disk import counted, from_origin, wait_for_pages
from expect import c0_status, expect_bytes, fetch_from_memory
from harness import GIB, KIB, MIB, PAGE
from start_up import expect_bad, run

SMALL = 64 * KIB
NOWHERE = ["--listen", "127.0.0.1", "--port", "0", "--origin", "dir:/"]


def sized(kind, size):
    return ["--kind", f"{kind}={kind}", "--page-size", f"{kind}={size}"]


def read(server, stored, kind, key, first, last):
    """Checks status, range and bytes of one answer; returns it."""
    response = server.fetch(kind, key, first, last)
    last = min(last, stored.size - 1)
    assert response.status == 206, f"{response.status}: {response.body[:500]!r}"
    assert response.header("Content-Range") == f"bytes {first}-{last}/{stored.size}"
    expect_bytes(response, stored.seed, first, last)
    return response


def ranges(origin, bucket):
    return sorted(record.range for record in origin.ended(bucket))


def test_a_small_read_of_a_kind_with_small_pages_costs_a_small_page(s3_server, origin, kind):
    other = f"other-{kind}"
    server = s3_server(*sized(kind, "64KiB"))
    stored, plain = origin.put(kind, "large", size=GIB), origin.put(other, "large", size=64 * MIB)
    first = 700 * MIB + 12345
    answer = read(server, stored, kind, "large", first, first + 4095)
    begin = first // SMALL * SMALL
    assert ranges(origin, kind) == [(begin, begin + SMALL - 1)]
    assert c0_status(answer.header("C0-Status")) == (first, first + 4095, kind, 0)
    hit = fetch_from_memory(server, kind, "large", begin, begin + SMALL - 1)
    expect_bytes(hit, stored.seed, begin, begin + SMALL - 1)
    assert ranges(origin, kind) == [(begin, begin + SMALL - 1)]
    read(server, plain, other, "large", PAGE + 5, PAGE + 14)
    assert ranges(origin, other) == [(PAGE, 2 * PAGE - 1)], "other kinds have pages of 16 MiB"


def test_each_page_of_an_answer_has_a_status(s3_server, origin, kind):
    server = s3_server(*sized(kind, "1MiB"))
    stored = origin.put(kind, "o", size=4 * MIB + 5)
    first, last = MIB - 3, stored.size - 1
    response = server.fetch(kind, "o", first, last, [("TE", "trailers")])
    expect_bytes(response, stored.seed, first, last)
    assert c0_status(response.header("C0-Status"))[:2] == (first, MIB - 1)
    assert [c0_status(value)[:2] for _, value in response.trailers] == [
        (MIB, 2 * MIB - 1), (2 * MIB, 3 * MIB - 1), (3 * MIB, 4 * MIB - 1), (4 * MIB, 4 * MIB + 4)]
    assert server.fetch(kind, "o", stored.size, stored.size).status == 416


def test_a_large_read_of_small_pages_is_many_requests_at_a_time(s3_server, origin, kind):
    server = s3_server(*sized(kind, "64KiB"))
    stored = origin.put(kind, "o", size=32 * MIB)
    read(server, stored, kind, "o", 0, 16 * MIB - 1)
    asked = ranges(origin, kind)
    assert set(asked) >= {(begin, begin + SMALL - 1) for begin in range(0, 16 * MIB, SMALL)}
    assert len(asked) <= 256 * 1.1, "second requests for what is late are few"


@pytest.mark.parametrize("before,after", [("4MiB", "1MiB"), ("1MiB", "4MiB"), ("16MiB", "64KiB"), ("64KiB", "16MiB")])
def test_a_size_that_changed_over_a_restart_costs_the_old_pages_and_no_byte_is_wrong(
        disk_server, origin, kind, before, after):
    units = {"64KiB": SMALL, "1MiB": MIB, "4MiB": 4 * MIB, "16MiB": PAGE}
    small, large = sorted((units[before], units[after]))
    # The last page of the one object has as many bytes as a page of the smaller size.
    objects = {str(size): origin.put(kind, str(size), size=size) for size in (large + small, large + small - 1, small)}
    edges = [(0, 99), (small - 50, small + 49), (large, large + 99)]

    def read_all(server):
        for key, stored in objects.items():
            for first, last in edges:
                if first < stored.size:
                    read(server, stored, kind, key, first, last)

    server = disk_server(*sized(kind, before))
    read_all(server)
    wait_for_pages(server, 5)
    server.stop()
    server = disk_server(*sized(kind, after))
    assert counted(server, "recovered_pages_total") >= 5
    read_all(server)
    assert from_origin(server) > 0, "pages of the old size are not used"
    server.stop()
    server = disk_server(*sized(kind, after))
    read_all(server)
    assert from_origin(server) == 0, "those of the new size are"


@pytest.mark.parametrize("options", [["--page-size", "k=1MiB"], ["--kind", "k=b", "--page-size", "k=1MB"],
                                     ["--kind", "k=b", "--page-size", "k=32KiB"],
                                     ["--kind", "k=b", "--page-size", "k=1MiB", "--page-size", "k=2MiB"]])
def test_a_page_size_that_cannot_be_is_one_clear_error(options):
    expect_bad(run(*NOWHERE, *options), "page-size")
