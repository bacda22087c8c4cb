"""ClickHouse, embedded: counts, sums, parallel queries, globs; it hangs up in the middle of bodies."""

import concurrent.futures
import json
import os
import urllib.parse

import chdb
from report import BIG, HIVE, MISSING, NO_BUCKET, SMALL, TABLE, Report


def describe(error):
    return [word for word in ("NoSuchKey", "NoSuchBucket", "AccessDenied", "404", "403", "S3_ERROR", "FILE_DOESNT_EXIST") if word in str(error)]


def rows(query, key, form="Parquet", bucket=None):
    path = urllib.parse.quote(key, safe="/*=")
    where = f"{os.environ['AWS_ENDPOINT_URL']}/{bucket or report.bucket}/{path}"
    source = f"s3('{where}', '{os.environ['AWS_ACCESS_KEY_ID']}', '{os.environ['AWS_SECRET_ACCESS_KEY']}', '{form}')"
    return json.loads(str(chdb.query(query.replace("SOURCE", source), "JSON")))["data"]


def in_parallel():
    queries = [f"SELECT sum(id) AS s FROM SOURCE WHERE id % 20 = {number}" for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda query: rows(query, TABLE), queries))


report = Report(describe)
report.read("count", rows, "SELECT count() AS n FROM SOURCE", TABLE)
report.read("sum", rows, "SELECT sum(id) AS s, max(value) AS m FROM SOURCE", TABLE)
report.read("filter", rows, "SELECT id, text FROM SOURCE WHERE id = 54321", TABLE)
report.read("first rows", rows, "SELECT id FROM SOURCE ORDER BY id LIMIT 3", TABLE)
report.read("in parallel", in_parallel)
report.read("text", rows, "SELECT * FROM SOURCE", SMALL, "LineAsString")
report.read("the first line", rows, "SELECT length(line) AS n FROM SOURCE LIMIT 1", BIG, "LineAsString")
report.ask("glob", rows, "SELECT _path, count() AS n, sum(id) AS s FROM SOURCE GROUP BY 1 ORDER BY 1", f"{HIVE}*/*.parquet")
report.ask("glob of all levels", rows, "SELECT _path, _size FROM SOURCE GROUP BY 1, 2 ORDER BY 1", "**.parquet", "One")
report.ask("missing key", rows, "SELECT count() AS n FROM SOURCE", MISSING)
report.ask("missing bucket", rows, "SELECT count() AS n FROM SOURCE", TABLE, "Parquet", NO_BUCKET)
report.show()
