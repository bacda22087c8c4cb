"""boto3: heads whole, ranges, conditions, overrides, managed downloads, presigned URLs, lists, questions about buckets."""

import io
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
from report import BIG, EMPTY, FOLDER, MANY, MISSING, NO_BUCKET, ODD, PAGE, RANGES, SMALL, TABLE, Report, digest, file_digest

# Of the hop, of the request or of the server, not of the object.
_NOT_THE_OBJECTS = {"date", "server", "connection", "keep-alive", "x-amz-request-id", "x-amz-id-2", "x-rgw-object-type",
                    "x-cache", "c0-status", "transfer-encoding"}


def describe(error):
    if isinstance(error, botocore.exceptions.ClientError):
        return [error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]]
    return type(error).__name__


def client(version):
    config = botocore.config.Config(s3={"addressing_style": "path"}, signature_version=version)
    return boto3.client("s3", config=config)


def head_of(answer):
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return {name: value for name, value in headers.items() if name not in _NOT_THE_OBJECTS}


def get(**named):
    answer = s3.get_object(Bucket=report.bucket, **named)
    return {"head": head_of(answer), "status": answer["ResponseMetadata"]["HTTPStatusCode"],
            "body": digest(answer["Body"].read())}


def head(**named):
    return head_of(s3.head_object(Bucket=report.bucket, **named))


def download(key):
    s3.download_file(report.bucket, key, "downloaded")
    return file_digest("downloaded")


def download_to_memory(key):
    into = io.BytesIO()
    s3.download_fileobj(report.bucket, key, into)
    return digest(into.getvalue())


def presigned(signer, key, **extra):
    url = signer.generate_presigned_url("get_object", Params={"Bucket": report.bucket, "Key": key, **extra})
    with urllib.request.urlopen(url, timeout=20) as answer:
        return {"status": answer.status, "type": answer.headers["Content-Type"], "body": digest(answer.read())}


def answer_of(operation, **named):
    """The answer to a question about the bucket, whole."""
    answer = getattr(s3, operation)(Bucket=report.bucket, **named)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def pages(operation, **named):
    """[the keys of a page, ...]"""
    found = s3.get_paginator(operation).paginate(Bucket=report.bucket, PaginationConfig={"PageSize": PAGE}, **named)
    return [[entry["Key"] for entry in page.get("Contents", []) + page.get("Versions", [])] for page in found]


def presigned_list():
    url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": report.bucket, "Prefix": FOLDER})
    with urllib.request.urlopen(url, timeout=20) as answer:
        return [answer.headers["Content-Type"], answer.read().decode()]


def matching(key, name, **named):
    tag = s3.head_object(Bucket=report.bucket, Key=key)["ETag"]
    return get(Key=key, **{name: tag}, **named)


def since(key, name):
    when = s3.head_object(Bucket=report.bucket, Key=key)["LastModified"]
    return get(Key=key, **{name: when})


report = Report(describe)
s3 = client("s3v4")
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"head {the_key}", head, Key=the_key)
    report.read(f"get {the_key}", get, Key=the_key)
    report.read(f"download {the_key}", download, the_key)
report.read("download to memory", download_to_memory, BIG)
for first, last in RANGES:
    report.read(f"bytes={first}-{last}", get, Key=BIG, Range=f"bytes={first}-{last}")
report.read("open range", get, Key=BIG, Range="bytes=33554432-")
report.read("suffix range", get, Key=BIG, Range="bytes=-300000")
report.read("longer suffix", get, Key=SMALL, Range="bytes=-100")
report.read("clipped range", get, Key=SMALL, Range="bytes=0-8388607")
report.read("head of a range", head, Key=BIG, Range="bytes=5-9")
report.read("If-Match", matching, SMALL, "IfMatch")
report.read("If-Match with a range", matching, BIG, "IfMatch", Range="bytes=7-9")
report.read("If-Unmodified-Since", since, SMALL, "IfUnmodifiedSince")
report.read("If-None-Match of another", get, Key=SMALL, IfNoneMatch='"another"')
report.read("overrides", get, Key=SMALL, ResponseContentType="application/x-test", ResponseCacheControl="no-cache",
            ResponseContentDisposition='attachment; filename="a b.txt"', ResponseContentEncoding="identity",
            ResponseContentLanguage="de", ResponseExpires="Thu, 01 Dec 1994 16:00:00 GMT")
report.read("presigned, version 4", presigned, s3, ODD)
report.read("presigned, version 2", presigned, client("s3"), ODD)
report.read("presigned override", presigned, s3, SMALL, ResponseContentType="text/x-test")
report.read("not modified, by tag", matching, SMALL, "IfNoneMatch")
report.read("not modified, by time", since, SMALL, "IfModifiedSince")
report.ask("If-Match of another", get, Key=SMALL, IfMatch='"another"')
report.ask("past the end", get, Key=SMALL, Range="bytes=12-")
report.ask("range of nothing", get, Key=EMPTY, Range="bytes=0-0")
for the_operation in ("list_objects", "list_objects_v2", "list_object_versions"):
    report.ask(the_operation, answer_of, the_operation, Prefix=FOLDER)
    report.ask(f"{the_operation} by folders", answer_of, the_operation, Delimiter="/")
    report.ask(f"{the_operation} in pages", pages, the_operation)
report.ask("list after a key", answer_of, "list_objects_v2", StartAfter=f"{MANY}019", MaxKeys=2, FetchOwner=True)
report.ask("list of nothing", answer_of, "list_objects_v2", Prefix=MISSING)
report.ask("list of a missing bucket", lambda: s3.list_objects_v2(Bucket=NO_BUCKET))
report.ask("presigned list", presigned_list)
report.ask("head of the bucket", lambda: s3.head_bucket(Bucket=report.bucket)["ResponseMetadata"]["HTTPStatusCode"])
report.ask("head of a missing bucket", lambda: s3.head_bucket(Bucket=NO_BUCKET))
report.ask("buckets", lambda: s3.list_buckets()["Buckets"])
report.ask("versioning", answer_of, "get_bucket_versioning")
report.ask("tags", answer_of, "get_object_tagging", Key=SMALL)
report.ask("ACL", answer_of, "get_object_acl", Key=SMALL)
report.ask("head of a part", lambda: s3.head_object(Bucket=report.bucket, Key=BIG, PartNumber=1)["ETag"])
report.ask("head of the only part", lambda: answer_of("head_object", Key=SMALL, PartNumber=1)["ContentLength"])
report.ask("missing key", get, Key=MISSING)
report.ask("head of a missing key", head, Key=MISSING)
report.ask("download of a missing key", download, MISSING)
report.ask("missing bucket", lambda: s3.get_object(Bucket=NO_BUCKET, Key=SMALL))
report.show()
