"""pyarrow: its own S3 client; random reads, streams with metadata, Parquet with a filter, lists."""

import os

import pyarrow.dataset
import pyarrow.parquet
from pyarrow import fs
from report import BIG, EMPTY, FOLDER, HIVE, MISSING, NO_BUCKET, ODD, RANGES, SMALL, TABLE, Report, digest


def describe(error):
    return type(error).__name__


def path(key, bucket=None):
    return f"{bucket or report.bucket}/{key}"


def whole(key):
    with files.open_input_stream(path(key)) as stream:
        return {"body": digest(stream.read()), "metadata": {str(name): bytes(value).decode() for name, value in stream.metadata().items()}}


def random_reads():
    with files.open_input_file(path(BIG)) as file:
        return [file.size(), [digest(file.read_at(last + 1 - first, first)) for first, last in RANGES]]


def info(key):
    found = files.get_file_info(path(key))
    return [str(found.type), found.size, str(found.mtime)]


def filtered():
    rows = pyarrow.parquet.read_table(path(TABLE), filesystem=files, columns=["id", "value"], filters=[("id", ">=", 95000)])
    return [rows.num_rows, rows.column("value").to_pylist()[-1]]


def dataset():
    rows = pyarrow.dataset.dataset(path(TABLE), filesystem=files).to_table(filter=pyarrow.dataset.field("id") < 7)
    return rows.to_pylist()


def listed(folder, recursive=False):
    found = files.get_file_info(fs.FileSelector(path(folder), recursive=recursive))
    return sorted([file.path, str(file.type), file.size, str(file.mtime)] for file in found)


def partitions():
    rows = pyarrow.dataset.dataset(path(HIVE), filesystem=files, partitioning="hive").to_table(
        filter=(pyarrow.dataset.field("day") == 2) & (pyarrow.dataset.field("id") < 1003))
    return rows.to_pylist()


report = Report(describe)
scheme, _, address = os.environ["AWS_ENDPOINT_URL"].partition("://")
files = fs.S3FileSystem(endpoint_override=address, scheme=scheme, region=os.environ["AWS_REGION"])
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"stream {the_key}", whole, the_key)
    report.read(f"info {the_key}", info, the_key)
report.read("random reads", random_reads)
report.read("Parquet with a filter", filtered)
report.read("dataset", dataset)
report.ask("FileSelector", listed, "")
report.ask("FileSelector of a folder", listed, FOLDER)
report.ask("FileSelector, all levels", listed, "", recursive=True)
report.ask("dataset of a folder", partitions)
report.ask("info of a folder", info, FOLDER)
report.ask("info of a missing key", info, MISSING)
report.ask("buckets", lambda: [found.path for found in files.get_file_info(fs.FileSelector(""))])
report.ask("missing folder", listed, MISSING)
report.ask("missing key", whole, MISSING)
report.ask("missing bucket", lambda: files.open_input_file(path(SMALL, NO_BUCKET)))
report.show()
