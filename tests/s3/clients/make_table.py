"""Writes the Parquet file of the scripts: 10 row groups, 3 MB, the same bytes each time."""

import random
import sys

import pyarrow
import pyarrow.parquet

_ROWS = 100_000
_GROUPS = 10
_WORDS = 1000

chance = random.Random(17)
words = [f"word-{chance.randrange(1 << 40):012x}" for _ in range(_WORDS)]
table = pyarrow.table({
    "id": list(range(_ROWS)),
    "value": [chance.random() for _ in range(_ROWS)],
    "text": [words[chance.randrange(_WORDS)] for _ in range(_ROWS)],
    "noise": [chance.randbytes(8) for _ in range(_ROWS)],
})
pyarrow.parquet.write_table(table, sys.argv[1], row_group_size=_ROWS // _GROUPS)
