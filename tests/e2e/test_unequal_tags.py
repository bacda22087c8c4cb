"""Two buckets of a real store with the same bytes under unequal ETags, of which one fails at random.

CACHEY_TEST_TAG_READS: the number of reads, default 400.
"""

import os
import random
import urllib.parse

from expect import c0_status, expect_bytes
from fault_proxy import FATES, FaultProxy
from harness import MIB, PAGE, wait_until
from prometheus_text import value
from test_metrics import scrape

_READS = int(os.environ.get("CACHEY_TEST_TAG_READS", "400"))
_READS_A_ROUND = 50  # then a new server, with nothing in memory
_BUCKETS = ("tags-first", "tags-second")
_NAMED = [("C0-Bucket", bucket) for bucket in _BUCKETS]
_SIZES = {"one": 2 * PAGE + 12_345, "two": PAGE + MIB, "three": 3 * PAGE}
_PAGES = sum(-(-size // PAGE) for size in _SIZES.values())


def _fetched(server):
    return value(scrape(server), "cachey_entry_requests_total", kind="tags", type="download")


def _upload(radosgw):
    tags = {}
    for bucket, part_bytes in zip(_BUCKETS, (5 * MIB, 8 * MIB)):
        radosgw.add_bucket(bucket)
        for seed, (key, size) in enumerate(_SIZES.items()):
            tags[bucket, key] = radosgw.put_in_parts(bucket, key, size, seed, part_bytes)
    assert len(set(tags.values())) == len(tags), "the parts did not make the tags unequal"
    return tags


def _border_range(chance):
    """An object, and a range over the border of two of its pages."""
    seed = chance.randrange(len(_SIZES))
    key, size = list(_SIZES.items())[seed]
    border = PAGE * chance.randint(1, (size - 1) // PAGE)
    before = chance.choice((1, 100, 70_000, MIB))
    after = min(chance.choice((1, 100, 70_000, MIB)), size - border)
    return key, seed, border - before, border + after - 1


def _read_round(server, chance, tags, told):
    """Reads, and checks every byte. Returns the pages that were read."""
    pages = set()
    for _ in range(_READS_A_ROUND):
        key, seed, first, last = _border_range(chance)
        response = server.fetch("tags", key, first, last, headers=_NAMED)
        assert response.status == 206, response.body
        expect_bytes(response, seed, first, last)
        bucket = c0_status(response.header("C0-Status"))[2]
        assert response.header("ETag") == tags[bucket, key]
        told.add(bucket)
        pages |= {(key, first // PAGE), (key, last // PAGE)}
    return pages


def test_reads_over_page_borders(radosgw, start_server):
    """Every read is exact, and no page is fetched again because the other bucket has another tag."""
    tags = _upload(radosgw)
    chance = random.Random(1)
    told, fates = set(), []
    store_port = urllib.parse.urlsplit(radosgw.settings["AWS_ENDPOINT_URL"]).port
    for number in range(_READS // _READS_A_ROUND):
        with FaultProxy(store_port, _BUCKETS[0], seed=number) as proxy:
            environment = radosgw.environment() | {"AWS_ENDPOINT_URL": proxy.endpoint}
            server = start_server("--origin", "s3", "--memory", "512MiB", environment=environment)
            pages = _read_round(server, chance, tags, told)
            # The last fills may go on after the reads.
            wait_until(lambda: _fetched(server) >= len(pages), what="the fills to end")
            assert _fetched(server) <= _PAGES, "a page was fetched again"
            server.stop()
            fates += proxy.fates(_BUCKETS[0])
    assert told == set(_BUCKETS), "one bucket delivered all"
    assert set(fates) == set(FATES)
