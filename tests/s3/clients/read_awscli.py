"""aws-cli: s3 cp to a file and to standard output, presign, ls, sync; s3api get-object, head-object and lists."""

import json
import urllib.request

import awscli.clidriver
import commands
from report import BIG, EMPTY, FOLDER, MANY, MISSING, ODD, PAGE, SMALL, TABLE, Report, digest, file_digest, tree_digest


def aws(*words):
    """The standard output of `aws words...`, which runs in a copy of this process: a second to start each would be slow."""
    return commands.run_in_a_copy(lambda: awscli.clidriver.create_clidriver().main(words), r"\(4\d\d\)")


def copy(key):
    aws("s3", "cp", "--no-progress", report.url(key), "copied")
    return file_digest("copied")


def stream(key):
    return digest(aws("s3", "cp", report.url(key), "-"))


def presigned(key):
    with urllib.request.urlopen(aws("s3", "presign", report.url(key)).decode().strip(), timeout=20) as answer:
        return digest(answer.read())


def sync():
    aws("s3", "sync", "--no-progress", report.url(FOLDER), "synced")
    return tree_digest("synced")


def list_objects():
    found = aws("s3api", "list-objects-v2", "--bucket", report.bucket, "--prefix", MANY, "--page-size", str(PAGE))
    return json.loads(found)["Contents"]


def get_object(key, *words):
    answer = json.loads(aws("s3api", "get-object", "--bucket", report.bucket, "--key", key, *words, "got"))
    return {"answer": answer, "body": file_digest("got")}


def head_object(key):
    return json.loads(aws("s3api", "head-object", "--bucket", report.bucket, "--key", key))


report = Report(commands.describe)
for the_key in (BIG, EMPTY, ODD):
    report.read(f"cp {the_key}", copy, the_key)
report.read("cp to standard output", stream, TABLE)
report.read("presign", presigned, ODD)
report.read("head-object", head_object, SMALL)
report.read("get-object", get_object, SMALL)
report.read("get-object of a range", get_object, BIG, "--range", "bytes=16777200-16777300")
report.ask("ls", lambda: aws("s3", "ls", report.url("")).decode())
report.ask("ls --recursive", lambda: aws("s3", "ls", "--recursive", "--summarize", report.url(FOLDER)).decode())
report.ask("sync", sync)
report.ask("list-objects-v2", list_objects)
report.ask("cp of a missing key", copy, MISSING)
report.ask("get-object of a missing key", get_object, MISSING)
report.ask("get-object of another tag", get_object, SMALL, "--if-match", '"another"')
report.show()
