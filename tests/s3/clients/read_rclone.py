"""rclone: copies of single objects, metadata, reads at an offset; lists by version 1, copies and checks of trees."""

import json
import os

import commands
from report import BIG, EMPTY, FOLDER, MISSING, NO_BUCKET, ODD, SMALL, TABLE, Report, digest, file_digest, tree_digest


def rclone(*words):
    return commands.run(["rclone", "--retries=1", "--low-level-retries=2", *words], r"not found|AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|Forbidden", environment)


def copy(key):
    rclone("copyto", f"cache:{report.bucket}/{key}", "copied")
    return file_digest("copied")


def stat(key):
    return json.loads(rclone("lsjson", "--stat", "-M", "--hash", f"cache:{report.bucket}/{key}"))


def copy_tree(folder):
    rclone("copy", f"cache:{report.bucket}/{folder}", "tree")
    rclone("check", "--download", f"cache:{report.bucket}/{folder}", "tree")
    rclone("check", f"cache:{report.bucket}/{folder}", "tree")
    return tree_digest("tree")


def listed(path, *words):
    found = json.loads(rclone("lsjson", *words, f"cache:{path}"))
    return [{name: value for name, value in one.items() if not (one["IsDir"] and name == "ModTime")} for one in found]  # a folder's is now


report = Report(commands.describe)
environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}  # rclone refuses it without TLS
environment |= {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_CACHE_TYPE": "s3", "RCLONE_CONFIG_CACHE_PROVIDER": "Other", "RCLONE_CONFIG_CACHE_ENV_AUTH": "true",
                "RCLONE_CONFIG_CACHE_ENDPOINT": os.environ["AWS_ENDPOINT_URL"]}
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"copyto {the_key}", copy, the_key)
    report.read(f"lsjson {the_key}", stat, the_key)
report.ask("cat at an offset", lambda: digest(rclone("cat", "--offset=33554000", "--count=1000", f"cache:{report.bucket}/{BIG}")))
report.ask("lsjson", listed, report.bucket)
report.ask("lsjson of all levels", listed, report.bucket, "-R", "--hash")
report.ask("lsd", lambda: rclone("lsf", "--dirs-only", "cache:").decode())
report.ask("size", lambda: json.loads(rclone("size", "--json", f"cache:{report.bucket}")))
report.ask("copy and check", copy_tree, FOLDER)
report.ask("missing key", lambda: copy(MISSING))
report.ask("missing bucket", listed, NO_BUCKET)
report.show()
