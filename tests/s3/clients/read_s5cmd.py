"""s5cmd: cat, cp in parallel parts, lists and wildcards."""

import os

import commands
from report import BIG, EMPTY, FOLDER, HIVE, MISSING, NO_BUCKET, ODD, SMALL, TABLE, Report, digest, file_digest, tree_digest


def s5cmd(*words):
    return commands.run(["s5cmd", *words], r"NoSuchKey|NoSuchBucket|NotFound|AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|status code: \d+", environment)


def cat(key, bucket=None):
    return digest(s5cmd("cat", "--raw", report.url(key, bucket)))


def copy(key):
    s5cmd("cp", "--raw", report.url(key), "copied")
    return file_digest("copied")


def listed(*words):
    return sorted(s5cmd(*words).decode().splitlines())


def copy_all():
    s5cmd("cp", report.url(f"{FOLDER}*"), "folder/")
    return tree_digest("folder")


report = Report(commands.describe)
environment = dict(os.environ, S3_ENDPOINT_URL=os.environ["AWS_ENDPOINT_URL"])
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"cat {the_key}", cat, the_key)
    report.read(f"cp {the_key}", copy, the_key)
report.ask("ls", listed, "ls", report.url(""))
report.ask("ls with a wildcard", listed, "ls", "--etag", report.url(f"{HIVE}*/*.parquet"))
report.ask("ls of the buckets", listed, "ls")
report.ask("du", listed, "du", report.url("*"))
report.ask("cp with a wildcard", copy_all)
report.ask("missing key", cat, MISSING)
report.ask("missing bucket", cat, SMALL, NO_BUCKET)
report.show()
