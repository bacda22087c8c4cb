"""DuckDB with httpfs: Parquet by columns, whole files as text and as bytes, globs."""

import os
import pathlib

import duckdb
import duckdb_extension_httpfs
from report import BIG, EMPTY, FOLDER, HIVE, MISSING, NO_BUCKET, ODD, SMALL, TABLE, Report, digest


def describe(error):
    return type(error).__name__


def rows(query, key, bucket=None):
    return database.execute(query, [report.url(key, bucket)]).fetchall()


def blob(key):
    (size, body), = rows("SELECT size, content FROM read_blob(?)", key)
    return [size, digest(body)]


report = Report(describe)
extension, = pathlib.Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
database = duckdb.connect()
database.execute(f"LOAD '{extension}'")
scheme, _, address = os.environ["AWS_ENDPOINT_URL"].partition("://")
database.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}',
    SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', REGION '{os.environ["AWS_REGION"]}', ENDPOINT '{address}',
    URL_STYLE 'path', USE_SSL {scheme == "https"})""")
report.read("count", rows, "SELECT count(*) FROM read_parquet(?)", TABLE)
report.read("one column", rows, "SELECT sum(id), min(value), max(value) FROM read_parquet(?)", TABLE)
report.read("filter", rows, "SELECT * FROM read_parquet(?) WHERE id = 54321", TABLE)
report.read("groups", rows, "SELECT text, count(*) FROM read_parquet(?) GROUP BY 1 ORDER BY 1 LIMIT 5", TABLE)
for the_key in (BIG, EMPTY, SMALL, ODD):
    report.read(f"blob {the_key}", blob, the_key)
report.read("text", rows, "SELECT content FROM read_text(?)", SMALL)
report.ask("glob", rows, "SELECT file FROM glob(?) ORDER BY 1", "**")
report.ask("glob of a folder", rows, "SELECT file FROM glob(?) ORDER BY 1", f"{FOLDER}*.txt")
report.ask("hive glob", rows, "SELECT day, count(*), sum(id) FROM read_parquet(?, hive_partitioning = true) GROUP BY 1 ORDER BY 1",
           f"{HIVE}*/*.parquet")
report.ask("a partition", rows, "SELECT id, day FROM read_parquet(?, hive_partitioning = true) WHERE day = 2 AND id < 1003",
           f"{HIVE}**")
report.ask("glob of nothing", rows, "SELECT file FROM glob(?)", f"{MISSING}/*")
report.ask("missing key", rows, "SELECT count(*) FROM read_parquet(?)", MISSING)
report.ask("missing bucket", rows, "SELECT count(*) FROM read_parquet(?)", TABLE, NO_BUCKET)
report.show()
