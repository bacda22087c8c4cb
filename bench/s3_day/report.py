"""Runs queries and reports what each took and answered."""

import hashlib
import json
import time

VISITS = "s3://day/visits/*/*.parquet"


def run(queries):
    """queries: {name: function without arguments}. Prints {name: [seconds, digest of the rows]}."""
    results = {}
    for name, query in queries.items():
        began = time.monotonic()
        rows = query()
        seconds = time.monotonic() - began
        assert rows, f"{name} found nothing"
        results[name] = [seconds, hashlib.sha256(repr(rows).encode()).hexdigest()]
    print(json.dumps(results))
