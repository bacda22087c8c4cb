"""Answers of /ui/data that no server gives at will: the page must show them too. Equal at each call."""

import math
import random

COLUMNS = """t_ms pages_memory pages_disk pages_coalesced pages_miss egress_bytes ingress_bytes disk_read_bytes
disk_written_bytes memory_used memory_waiting disk_used drops_evicted drops_changed drops_failed disk_evictions ghost_hits
memory_p50_us memory_p99_us memory_p999_us disk_p50_us disk_p99_us disk_p999_us miss_p50_us miss_p99_us miss_p999_us
status_2xx status_3xx status_4xx status_5xx connections fills loop_lag_max_us origin_attempts origin_failures
origin_throttled turns_waiting hedges cpu_ms""".split()
NOW_MS = 1_780_000_000_000
ROWS = 600
GIB = 1 << 30
EVIL = "<img src=x onerror=alert(1)>"


def _row(at, rng, trouble):
    """A second of a server under load; the store is slow and fails from `trouble` seconds before the end on."""
    wave = 1 + 0.25 * math.sin(at / 40)
    bad = ROWS - at < trouble
    pages = 900 * wave * (0.6 if bad else 1)
    miss = pages * (0.28 if bad else 0.06) * rng.uniform(0.8, 1.2)
    disk = pages * 0.22 * rng.uniform(0.9, 1.1)
    failures = miss * 0.6 if bad else 0
    slow = 14 if bad else 1
    return {
        "t_ms": NOW_MS - (ROWS - 1 - at) * 1000 + rng.randrange(20), "pages_memory": pages * 0.68, "pages_disk": disk,
        "pages_coalesced": pages * 0.04, "pages_miss": miss, "egress_bytes": pages * 900_000, "ingress_bytes": miss * 900_000,
        "disk_read_bytes": disk * 900_000, "disk_written_bytes": miss * 850_000,
        "memory_used": 3.9 * GIB - rng.random() * GIB / 20, "memory_waiting": 7 if bad else 0,
        "disk_used": (300 + at / 10) * GIB, "drops_evicted": miss * 0.9, "drops_changed": 1 if rng.random() < 0.02 else 0,
        "drops_failed": failures, "disk_evictions": miss * 0.4, "ghost_hits": miss * 0.1,
        **_latency("memory", 180, rng), **_latency("disk", 900, rng), **_latency("miss", 32_000 * slow, rng),
        "status_2xx": pages - failures, "status_3xx": 3, "status_4xx": 2, "status_5xx": failures,
        "connections": 214 + (300 if bad else 0), "fills": 12 * slow, "loop_lag_max_us": rng.expovariate(1 / 900),
        "origin_attempts": miss * (1.9 if bad else 1.04), "origin_failures": failures, "origin_throttled": failures / 3,
        "turns_waiting": 40 if bad else 0, "hedges": miss * 0.04, "cpu_ms": 1300 * wave,
    }


def _latency(tier, p50, rng):
    """Quantiles of a second: p99 and p999 above p50."""
    p99 = p50 * rng.uniform(3, 6)
    return {f"{tier}_p50_us": p50 * rng.uniform(0.9, 1.1), f"{tier}_p99_us": p99, f"{tier}_p999_us": p99 * rng.uniform(2, 5)}


def _bucket(name, state="ok", share=0.1, failures=0):
    attempts = round(4000 * share)
    return {"name": name, "state": state, "share": 0.2 if state == "open" else 1, "error_ratio": failures / attempts if attempts else None,
            "p50_ms": 31.4, "p99_ms": 120.7, "hedge_ms": 140.0, "attempts": attempts, "failures": failures, "throttled": failures // 3,
            "waiting": 12 if failures else 0}


def answer(rows, **changes):
    """An answer with these rows, of a server in good order unless `changes` say more."""
    return {"version": "0.3.0", "revision": "0123456789ab", "boot": "00ff00ff00ff00ff", "started_ms": NOW_MS - 277_000_000,
            "now_ms": NOW_MS + 200, "threads": 8, "interval_ms": 1000,
            "limits": {"memory_bytes": 4 * GIB, "disk_bytes": 500 * GIB, "connections": 10_000},
            "findings": [], "columns": COLUMNS, "first": 1, "rows": rows, "buckets": [], "buckets_more": 0, "clients": [],
            "warnings": []} | changes


def _rows(trouble):
    rng = random.Random(7)
    whole = {name for name in COLUMNS if not name.endswith("_us")}
    rows = [_row(at, rng, trouble) for at in range(ROWS)]
    return [[round(row[name]) if name in whole else round(row[name], 1) for name in COLUMNS] for row in rows]


def calm():
    """All is well."""
    return answer(_rows(0), buckets=[_bucket("media-eu", share=0.7), _bucket("media-us", share=0.2), _bucket("logs", share=0.1)],
                  clients=_CLIENTS, warnings=[_warning(7_000_000, "warning", "settings", "the certificate changed", 1)])


_CLIENTS = [{"name": "training", "requests": 31_004, "misses": 1900, "bytes": 41_000_000_000, "limited": 0},
            {"name": "10.0.3.17", "requests": 9031, "misses": 12, "bytes": 812_000_000, "limited": 0}]


def _warning(ago_ms, level, event, text, count):
    return {"t_ms": NOW_MS - ago_ms, "level": level, "event": event, "text": text, "count": count}


def incident():
    """A bucket fails, and what follows from that."""
    return answer(
        _rows(150),
        findings=[{"level": "bad", "code": "bucket_down", "text": "bucket media-eu is down: 1,204 of 1,210 requests failed in the "
                   "last minute (503 SlowDown)", "since_ms": NOW_MS - 143_000},
                  {"level": "bad", "code": "fetches_fail", "text": "12 % of the fetches end in an error", "since_ms": NOW_MS - 139_000},
                  {"level": "warn", "code": "thrashing", "text": "memory is too small: a third of the misses were in memory 4 minutes ago",
                   "since_ms": NOW_MS - 61_000}],
        buckets=[_bucket("media-eu", "open", 0.7, 2000), _bucket("media-us", "deprioritized", 0.2, 90), _bucket("logs")],
        clients=[_CLIENTS[0] | {"limited": 112}, _CLIENTS[1]],
        warnings=[_warning(1000, "error", "finding", "bucket media-eu is down: 1,204 of 1,210 requests failed", 1),
                  _warning(61_000, "warning", "bucket deprioritized", "media-us: 90 of 800 requests failed, the last by a timeout", 3),
                  _warning(143_000, "warning", "bucket throttles", "media-eu: 402 of 1,210 attempts of the minute", 2)])


def empty():
    """A server that has just started: one row, no request, no disk."""
    row = [NOW_MS if name == "t_ms" else 0 if not name.endswith("_us") else None for name in COLUMNS]
    return answer([row], started_ms=NOW_MS - 1200, limits={"memory_bytes": GIB, "disk_bytes": 0, "connections": 10_000})


def crowded():
    """Twenty of a hundred buckets, and names that are long, foreign, or look like markup."""
    names = [EVIL, "x" * 255, "данные-и-ещё-данные/" * 5, "a&amp;b", "</script><b>bold", "\u202eright-to-left"]
    names += [f"bucket-{number:03}" for number in range(20 - len(names))]
    return answer(_rows(0), buckets=[_bucket(name, share=0.05) for name in names], buckets_more=80,
                  clients=[{"name": name, "requests": 10, "misses": 1, "bytes": 1000, "limited": 0} for name in names[:10]],
                  findings=[{"level": "warn", "code": "bucket_slow", "text": f"bucket {EVIL} and {'y' * 120} are slow",
                             "since_ms": NOW_MS - 90_000_000}],
                  warnings=[_warning(at * 1000, "warning", names[at % 6], f"{EVIL} {'z' * 300}", at + 1) for at in range(20)])
