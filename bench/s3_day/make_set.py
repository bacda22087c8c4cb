"""Makes the day's data: make_set.py FOLDER. Visits to a web shop, a Parquet file a day: day=2026-01-01/visits.parquet, 1 GB."""

import pathlib
import sys

import duckdb

DAYS, ROWS_PER_DAY = 30, 1_150_000

# A row's values follow from its number, so the set is the same each time. Sessions and prices do not compress.
VISITS = """
SELECT TIMESTAMP '2026-01-01' + to_days(d::INTEGER) + to_microseconds(n * 86400000000 // {rows}) AS visited,
       hash(n, d, 1) % 1000 * (hash(n, d, 2) % 1000) AS user_id,
       ['DE', 'FR', 'US', 'GB', 'PL', 'IT', 'ES', 'NL', 'JP', 'BR'][
           (1 + hash(n, d, 3) % 10 * (hash(n, d, 4) % 10) // 10)::BIGINT] AS country,
       ['phone', 'tablet', 'desktop'][(1 + hash(n, d, 5) % 3)::BIGINT] AS device,
       '/shop/' || (hash(n, d, 6) % 40) || '/item-' || (hash(n, d, 7) % 20000) AS page,
       (20 + hash(n, d, 8) % 100 * (hash(n, d, 9) % 100))::INTEGER AS milliseconds,
       hash(n, d, 10) AS session,
       hash(n, d, 11) AS trace,
       CASE WHEN hash(n, d, 12) % 20 = 0 THEN hash(n, d, 13) % 100000 / 100 END AS paid
FROM (SELECT i // {rows} AS d, i % {rows} AS n FROM range({first}, {last}) numbers(i)) ORDER BY visited
"""


def main():
    folder = pathlib.Path(sys.argv[1])
    database = duckdb.connect()
    for day in range(DAYS):
        part = folder / f"day=2026-01-{day + 1:02}"
        part.mkdir(parents=True, exist_ok=True)
        query = VISITS.format(rows=ROWS_PER_DAY, first=day * ROWS_PER_DAY, last=(day + 1) * ROWS_PER_DAY)
        database.execute(f"COPY ({query}) TO '{part / 'visits.parquet'}' (FORMAT parquet, COMPRESSION zstd)")


main()
