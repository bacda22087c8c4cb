"""s5cmd: cat, and cp in parallel parts."""

import os

import commands
from report import BIG, EMPTY, MISSING, NO_BUCKET, ODD, SMALL, TABLE, Report, digest, file_digest


def s5cmd(*words):
    return commands.run(["s5cmd", *words], r"NoSuchKey|NoSuchBucket|NotFound|status code: \d+", environment)


def cat(key, bucket=None):
    return digest(s5cmd("cat", "--raw", report.url(key, bucket)))


def copy(key):
    s5cmd("cp", "--raw", report.url(key), "copied")
    return file_digest("copied")


report = Report(commands.describe)
environment = dict(os.environ, S3_ENDPOINT_URL=os.environ["AWS_ENDPOINT_URL"])
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"cat {the_key}", cat, the_key)
    report.read(f"cp {the_key}", copy, the_key)
report.ask("missing key", cat, MISSING)
report.ask("missing bucket", cat, SMALL, NO_BUCKET)
report.show()
