"""polars and obstore: the Rust client object_store; suffix ranges first, no HEAD before them; lists."""

import os

import obstore
import polars
from obstore.store import S3Store
from report import BIG, EMPTY, FOLDER, HIVE, MANY, MISSING, NO_BUCKET, ODD, PAGE, RANGES, SMALL, TABLE, Report, digest


def describe(error):
    return type(error).__name__


def get(key, **options):
    answer = obstore.get(store, key, options=options)
    return {"meta": dict(answer.meta), "range": answer.range, "attributes": dict(answer.attributes),
            "body": digest(answer.bytes())}


def ranges():
    firsts, lasts = zip(*RANGES)
    return [digest(body) for body in obstore.get_ranges(store, BIG, starts=firsts, ends=[last + 1 for last in lasts])]


def column():
    return scan().select(polars.col("id").sum(), polars.col("value").max()).collect().to_dicts()


def scan(key=TABLE, bucket=None):
    return polars.scan_parquet(report.url(key, bucket), storage_options=options, glob=False)


def partitions():
    rows = polars.scan_parquet(report.url(f"{HIVE}**/*.parquet"), storage_options=options, hive_partitioning=True)
    return rows.filter(polars.col("day") == 2).select(polars.len(), polars.col("id").sum()).collect().to_dicts()


def listed(prefix):
    """The pages of a list of one folder and all in it."""
    return [list(page) for page in obstore.list(store, prefix=prefix, chunk_size=PAGE)]


def store_of(bucket):
    return S3Store(bucket, endpoint=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"],
                   virtual_hosted_style_request=False, client_options={"allow_http": True})


report = Report(describe)
options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true", "aws_region": os.environ["AWS_REGION"]}
store = store_of(report.bucket)
report.read("one column", column)
report.read("filter", lambda: scan().filter(polars.col("id") == 54321).collect().to_dicts())
report.read("count", lambda: scan().select(polars.len()).collect().item())
report.read("read_parquet", lambda: polars.read_parquet(report.url(TABLE), storage_options=options, glob=False).shape)
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"get {the_key}", get, the_key)
    report.read(f"head {the_key}", obstore.head, store, the_key)
report.read("get_ranges", ranges)
report.read("suffix", get, BIG, range={"suffix": 262144})
report.read("offset", get, BIG, range={"offset": 41943000})
report.read("closed range", get, BIG, range=(5, 10))
report.read("if_match", lambda: get(SMALL, if_match=obstore.head(store, SMALL)["e_tag"]))
report.read("if_none_match", lambda: get(SMALL, if_none_match=obstore.head(store, SMALL)["e_tag"]))
report.ask("hive glob", partitions)
report.ask("scan with a glob of one", lambda: polars.scan_parquet(report.url(TABLE), storage_options=options).select(polars.len()).collect().item())
for the_prefix in (None, FOLDER, MANY):
    report.ask(f"list {the_prefix}", listed, the_prefix)
report.ask("list from an offset", lambda: list(obstore.list(store, offset=f"{MANY}020").collect()))
report.ask("list with a delimiter", lambda: dict(obstore.list_with_delimiter(store)))
report.ask("list of a missing bucket", lambda: obstore.list(store_of(NO_BUCKET)).collect())
report.ask("if_match of another", get, SMALL, if_match='"another"')
report.ask("missing key", get, MISSING)
report.ask("head of a missing key", obstore.head, store, MISSING)
report.ask("missing bucket", lambda: obstore.get(store_of(NO_BUCKET), SMALL))
report.ask("missing table", lambda: scan(MISSING).collect())
report.show()
