"""minio-py: stat, whole reads, offsets, presigned URLs, lists."""

import os
import urllib.parse
import urllib.request

from minio import Minio
from minio.error import S3Error
from report import BIG, EMPTY, FOLDER, MISSING, NO_BUCKET, ODD, RANGES, SMALL, TABLE, Report, digest, file_digest


def describe(error):
    return error.code if isinstance(error, S3Error) else type(error).__name__


def get(key, bucket=None, **named):
    answer = client.get_object(bucket_name=bucket or report.bucket, object_name=key, **named)
    try:
        return digest(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def stat(key):
    found = client.stat_object(bucket_name=report.bucket, object_name=key)
    own = {name: value for name, value in found.metadata.items() if name.lower().startswith("x-amz-meta-")}
    return [found.size, found.etag, str(found.last_modified), found.content_type, own]


def to_file(key):
    client.fget_object(bucket_name=report.bucket, object_name=key, file_path="got")
    return file_digest("got")


def presigned(key):
    url = client.presigned_get_object(bucket_name=report.bucket, object_name=key)
    with urllib.request.urlopen(url, timeout=20) as answer:
        return [answer.status, digest(answer.read())]


def listed(**named):
    found = client.list_objects(bucket_name=report.bucket, **named)
    return [[one.object_name, one.size, one.etag, str(one.last_modified), one.is_dir] for one in found]


report = Report(describe)
address = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
client = Minio(endpoint=address.netloc, access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
               secure=address.scheme == "https", region=os.environ["AWS_REGION"])
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"get {the_key}", get, the_key)
    report.read(f"stat {the_key}", stat, the_key)
report.read("fget", to_file, BIG)
report.read("presigned", presigned, ODD)
for first, last in RANGES:
    report.read(f"{first}-{last}", get, BIG, offset=first, length=last + 1 - first)
report.ask("list", listed)
report.ask("list of all levels", listed, recursive=True)
report.ask("list of a folder", listed, prefix=FOLDER)
report.ask("list, version 1", listed, recursive=True, use_api_v1=True)
report.ask("bucket exists", lambda: [client.bucket_exists(bucket_name=name) for name in (report.bucket, NO_BUCKET)])
report.ask("buckets", lambda: [found.name for found in client.list_buckets()])
report.ask("missing key", get, MISSING)
report.ask("stat of a missing key", stat, MISSING)
report.ask("missing bucket", get, SMALL, NO_BUCKET)
report.show()
