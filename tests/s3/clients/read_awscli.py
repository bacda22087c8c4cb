"""aws-cli: s3 cp to a file and to standard output, s3api get-object and head-object."""

import json
import shutil
import sys

import commands
from report import BIG, EMPTY, MISSING, ODD, SMALL, TABLE, Report, digest, file_digest


def aws(*words):
    return commands.run([sys.executable, shutil.which("aws"), *words], r"\(404\)")


def copy(key):
    aws("s3", "cp", "--no-progress", report.url(key), "copied")
    return file_digest("copied")


def stream(key):
    return digest(aws("s3", "cp", report.url(key), "-"))


def get_object(key, *words):
    answer = json.loads(aws("s3api", "get-object", "--bucket", report.bucket, "--key", key, *words, "got"))
    return {"answer": answer, "body": file_digest("got")}


def head_object(key):
    return json.loads(aws("s3api", "head-object", "--bucket", report.bucket, "--key", key))


report = Report(commands.describe)
for the_key in (BIG, EMPTY, ODD):
    report.read(f"cp {the_key}", copy, the_key)
report.read("cp to standard output", stream, TABLE)
report.read("head-object", head_object, SMALL)
report.read("get-object", get_object, SMALL)
report.read("get-object of a range", get_object, BIG, "--range", "bytes=16777200-16777300")
report.ask("cp of a missing key", copy, MISSING)
report.ask("get-object of a missing key", get_object, MISSING)
report.ask("get-object of another tag", get_object, SMALL, "--if-match", '"another"')
report.show()
