"""The AWS Common Runtime, as in s3torchconnector, Mountpoint and aws-cli 2: reads before the size is known."""

import os

from report import BIG, EMPTY, FOLDER, MANY, MISSING, NO_BUCKET, ODD, PAGE, RANGES, SMALL, TABLE, Report, digest
from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client


def describe(error):
    return [type(error).__name__, *str(error).split(": ")[:2]]  # without the store's message


def get(key, bucket=None, **named):
    return digest(b"".join(client.get_object(bucket or report.bucket, key, **named)))


def head(key):
    found = client.head_object(report.bucket, key)
    return {"etag": found.etag, "size": found.size, "modified": found.last_modified, "class": found.storage_class}


def listed(prefix, **named):
    pages = list(client.list_objects(report.bucket, prefix=prefix, **named))
    return [[list(page.common_prefixes), [[found.key, found.etag, found.size, found.last_modified] for found in page.object_info]]
            for page in pages]


report = Report(describe)
client = MountpointS3Client(region=os.environ["AWS_REGION"], endpoint=os.environ["AWS_ENDPOINT_URL"], force_path_style=True,
                            max_attempts=3, user_agent_prefix="test")
for the_key in (BIG, TABLE, SMALL, ODD):
    report.read(f"get {the_key}", get, the_key)
for the_key in (BIG, TABLE, SMALL, ODD, EMPTY):
    report.read(f"head {the_key}", head, the_key)
for first, last in RANGES:
    report.read(f"{first}-{last}", get, BIG, start=first, end=last + 1)
report.ask("list", listed, FOLDER)
report.ask("list of folders", listed, "", delimiter="/")
report.ask("list in pages", listed, MANY, max_keys=PAGE)
report.ask("list of a missing bucket", lambda: list(client.list_objects(NO_BUCKET)))
report.ask("missing key", get, MISSING)
report.ask("head of a missing key", head, MISSING)
report.ask("missing bucket", get, SMALL, NO_BUCKET)
report.show()
