"""The ten queries of the day by DuckDB. Each has a session of its own, so nothing is kept from query to query."""

import os
import pathlib

import duckdb
import duckdb_extension_httpfs
from report import VISITS, run

QUERIES = {
    "rows of the month": "SELECT count(*) FROM visits",
    "countries of a day": "SELECT country, count(*) FROM visits WHERE day = '2026-01-05' GROUP BY 1 ORDER BY 1",
    "income by day": "SELECT day, round(sum(paid), 2) FROM visits GROUP BY 1 ORDER BY 1",
    "slow visits of a week": "SELECT device, count(*), max(milliseconds) FROM visits "
                             "WHERE day BETWEEN '2026-01-08' AND '2026-01-14' AND milliseconds > 9000 GROUP BY 1 ORDER BY 1",
    "visits of a user": "SELECT visited, device FROM visits WHERE user_id = 117600 ORDER BY 1, 2",
    "best pages of a week": "SELECT page, count(*) FROM visits WHERE day BETWEEN '2026-01-22' AND '2026-01-28' "
                            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    "devices by country": "SELECT country, device, count(*) FROM visits GROUP BY 1, 2 ORDER BY 1, 2",
    "a quarter of an hour": "SELECT session, trace, page FROM visits WHERE day = '2026-01-17' "
                            "AND visited >= '2026-01-17 10:00' AND visited < '2026-01-17 10:15' ORDER BY 1, 2",
    "sessions of a week": "SELECT sum(session % 1000) FROM visits WHERE day BETWEEN '2026-01-15' AND '2026-01-21'",
    "all columns of a day": "SELECT max(visited), sum(user_id), max(country), max(device), max(page), sum(milliseconds), "
                            "sum(session % 1000), sum(trace % 1000), round(sum(paid), 2) FROM visits "
                            "WHERE day = '2026-01-30'",
}

EXTENSION, = pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")


def session():
    database = duckdb.connect()
    database.execute(f"LOAD '{EXTENSION}'")
    database.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}',
        SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', REGION '{os.environ["AWS_REGION"]}',
        ENDPOINT '{os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")}', URL_STYLE 'path', USE_SSL false)""")
    database.execute("SET threads = 8")  # DuckDB's advice for remote files: more than cores, because threads wait
    return database


def ask(query):
    database = session()
    return lambda: database.execute(query.replace("visits", f"read_parquet('{VISITS}') AS visits", 1)).fetchall()


run({name: ask(query) for name, query in QUERIES.items()})
