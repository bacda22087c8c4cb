"""s3cmd: asks for the bucket's location, then HEAD and GET; lists by version 1."""

import os
import pathlib

import commands
from report import BIG, EMPTY, FOLDER, MISSING, NO_BUCKET, ODD, SMALL, TABLE, Report, file_digest, tree_digest


def s3cmd(*words):
    reasons = r"404|403|NoSuchKey|NoSuchBucket|AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId"
    return commands.run(["s3cmd", "--config=s3cfg", *words], reasons, dict(os.environ)).decode()


def sync():
    pathlib.Path("synced").mkdir()
    s3cmd("sync", "--no-progress", report.url(FOLDER), "synced/")
    return tree_digest("synced")


def get(key):
    s3cmd("get", "--force", report.url(key), "got")
    return file_digest("got")


report = Report(commands.describe)
address = os.environ["AWS_ENDPOINT_URL"].partition("://")[2]
pathlib.Path("s3cfg").write_text(f"""[default]
host_base = {address}
host_bucket = {address}
use_https = False
access_key = {os.environ["AWS_ACCESS_KEY_ID"]}
secret_key = {os.environ["AWS_SECRET_ACCESS_KEY"]}
""", encoding="utf-8")
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"get {the_key}", get, the_key)
report.ask("ls", s3cmd, "ls", report.url(""))
report.ask("ls of all levels", s3cmd, "ls", "--recursive", "--list-md5", report.url(FOLDER))
report.ask("ls of the buckets", s3cmd, "ls")
report.ask("du", s3cmd, "du", report.url(""))
report.ask("sync", sync)
report.ask("missing bucket", s3cmd, "ls", report.url("", NO_BUCKET))
report.ask("missing key", get, MISSING)
report.show()
