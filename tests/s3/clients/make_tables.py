"""Writes the Parquet files of the scripts into a folder, the same bytes each time.

table.parquet has 10 row groups and 3 MB; hive/day=N/part.parquet are two small ones.
"""

import pathlib
import random
import sys

import pyarrow
import pyarrow.parquet

_ROWS = 100_000
_GROUPS = 10
_WORDS = 1000
_DAYS = 2
_ROWS_OF_A_DAY = 500

folder = pathlib.Path(sys.argv[1])
chance = random.Random(17)
words = [f"word-{chance.randrange(1 << 40):012x}" for _ in range(_WORDS)]
table = pyarrow.table({
    "id": list(range(_ROWS)),
    "value": [chance.random() for _ in range(_ROWS)],
    "text": [words[chance.randrange(_WORDS)] for _ in range(_ROWS)],
    "noise": [chance.randbytes(8) for _ in range(_ROWS)],
})
pyarrow.parquet.write_table(table, folder / "table.parquet", row_group_size=_ROWS // _GROUPS)
for day in range(1, _DAYS + 1):
    file = folder / "hive" / f"day={day}" / "part.parquet"
    file.parent.mkdir(parents=True)
    rows = table.slice(day * _ROWS_OF_A_DAY, _ROWS_OF_A_DAY)
    pyarrow.parquet.write_table(rows.select(["id", "value"]), file)
