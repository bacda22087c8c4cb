"""s3fs: info, cat, cat_ranges, seek and read, Parquet through the file system, lists. It lists what it does not find."""

import pyarrow.parquet
import s3fs
from report import BIG, EMPTY, FOLDER, HIVE, MISSING, NO_BUCKET, ODD, RANGES, SMALL, TABLE, Report, digest, file_digest, tree_digest


def describe(error):
    return [type(error).__name__, getattr(error, "errno", None)]


def path(key):
    return f"{report.bucket}/{key}"


def cat(key, **named):
    return digest(files.cat_file(path(key), **named))


def ranges():
    firsts, lasts = zip(*RANGES)
    bodies = files.cat_ranges([path(BIG)] * len(RANGES), list(firsts), [last + 1 for last in lasts])
    return [digest(body) for body in bodies]


def seek_and_read():
    with files.open(path(BIG), "rb", block_size=1 << 20) as file:
        file.seek(20 << 20)
        middle = file.read(1000)
        file.seek(-10, 2)
        return [digest(middle), digest(file.read()), file.size]


def copy(key):
    files.get_file(path(key), "copied")
    return file_digest("copied")


def copy_folder():
    files.get(path(FOLDER), "folder", recursive=True)
    return tree_digest("folder")


def columns():
    with files.open(path(TABLE), "rb") as file:
        table = pyarrow.parquet.read_table(file, columns=["id", "value"])
    return [table.num_rows, table.column("value").to_pylist()[-1]]


report = Report(describe)
files = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"info {the_key}", files.info, path(the_key))
    report.read(f"cat {the_key}", cat, the_key)
    report.read(f"exists {the_key}", files.exists, path(the_key))
report.read("cat with bounds", cat, BIG, start=100, end=-100)
report.read("cat of the end", cat, BIG, start=-1000)
report.read("cat_ranges", ranges)
report.read("seek and read", seek_and_read)
report.read("get", copy, BIG)
report.read("metadata", files.metadata, path(SMALL))
report.read("Parquet", columns)
report.ask("find", files.find, report.bucket)
report.ask("find with details", files.find, path(FOLDER), detail=True)
report.ask("glob", files.glob, path(f"{HIVE}*/*.parquet"))
report.ask("ls", files.ls, report.bucket)
report.ask("walk", lambda: list(files.walk(path(FOLDER))))
report.ask("du", files.du, report.bucket)
report.ask("folder", lambda: [files.isdir(path(FOLDER)), files.exists(path(FOLDER)), files.isdir(path(SMALL))])
report.ask("get of a folder", copy_folder)
report.ask("exists of a missing key", files.exists, path(MISSING))
report.ask("missing key", cat, MISSING)
report.ask("missing bucket", files.ls, NO_BUCKET)
report.show()
