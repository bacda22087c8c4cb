"""Hit ratios of other policies, by libCacheSim: its own code reads the same trace file.

    judge.py FILE LOG CAPACITY... < /dev/null   # prints one row of JSON per policy and capacity in bytes

The first tenth of the trace fills the cache and is not counted. What libCacheSim prints goes to the file LOG.
"""

import json
import os
import sys

import libcachesim

# GLCache, LRB and 3L-Cache, the other learned ones, do not run here: GLCache needs a hundred segments of a hundred
# objects, and the models of the other two are not trained before the traces end.
POLICIES = {"s3-fifo": "S3FIFO", "clock2q+": "Clock2QPlus", "sieve": "Sieve", "arc": "ARC", "lirs": "LIRS",
            "w-tinylfu": "WTinyLFU", "2q": "TwoQ", "lhd": "LHD", "lecar": "LeCaR", "lru": "LRU", "fifo": "FIFO",
            "belady": "Belady"}
HASH_BITS = 18  # of the first size of its table, which grows
WARM_UP_SHARE = 10


def run(reader, policy, capacity):
    warm = reader.get_num_of_req() // WARM_UP_SHARE
    cache = getattr(libcachesim, POLICIES[policy])(cache_size=capacity, hashpower=HASH_BITS)
    cache.process_trace(reader, 0, warm)
    misses, byte_misses = cache.process_trace(reader, warm, -1)
    return {"policy": policy, "capacity": capacity, "hit_ratio": round(1 - misses, 5),
            "byte_hit_ratio": round(1 - byte_misses, 5)}


def main():
    results = os.fdopen(os.dup(1), "w")
    log = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    parameters = libcachesim.ReaderInitParam(ignore_obj_size=False)
    reader = libcachesim.TraceReader(sys.argv[1], libcachesim.TraceType.ORACLE_GENERAL_TRACE, parameters)
    for capacity in map(int, sys.argv[3:]):
        for policy in POLICIES:
            print(json.dumps(run(reader, policy, capacity)), file=results, flush=True)


if __name__ == "__main__":
    main()
