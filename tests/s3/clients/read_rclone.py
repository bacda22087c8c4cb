"""rclone: copies of single objects, metadata. Whatever else rclone does lists first."""

import json
import os

import commands
from report import BIG, EMPTY, ODD, SMALL, TABLE, Report, file_digest


def rclone(*words):
    return commands.run(["rclone", "--retries=1", "--low-level-retries=2", *words], r"not found", environment)


def copy(key):
    rclone("copyto", f"cache:{report.bucket}/{key}", "copied")
    return file_digest("copied")


def stat(key):
    return json.loads(rclone("lsjson", "--stat", "-M", "--hash", f"cache:{report.bucket}/{key}"))


report = Report(commands.describe)
environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}  # rclone refuses it without TLS
environment |= {"RCLONE_CONFIG_CACHE_TYPE": "s3", "RCLONE_CONFIG_CACHE_PROVIDER": "Other", "RCLONE_CONFIG_CACHE_ENV_AUTH": "true",
                "RCLONE_CONFIG_CACHE_ENDPOINT": os.environ["AWS_ENDPOINT_URL"]}
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"copyto {the_key}", copy, the_key)
    report.read(f"lsjson {the_key}", stat, the_key)
report.show()
