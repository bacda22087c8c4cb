"""What tests do with a running S3 store, whichever it is."""

import boto3
import botocore.config

from content import content
from origin_model import stored_object

_UPLOAD_PIECE_BYTES = 8 << 20


class S3Store:
    """A store whose `settings` are the AWS variables for its clients. Subclasses start and stop it."""

    def __init__(self):
        self.settings = {}
        self.client = None
        self._stored = {}

    def connect(self):
        """Makes `client` from `settings`."""
        self.client = boto3.client(
            "s3", endpoint_url=self.settings["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            region_name=self.settings["AWS_REGION"],
            config=botocore.config.Config(s3={"addressing_style": "path"},
                                          retries={"total_max_attempts": 1}))

    def environment(self):
        """The AWS settings for clients of this store."""
        return dict(self.settings)

    def add_bucket(self, bucket):
        self.client.create_bucket(Bucket=bucket)

    def put(self, bucket, key, size, seed):
        """Stores content(seed, 0, size) unless it is stored already; returns the object with the store's ETag and time."""
        wanted = (bucket, key, size, seed)
        if self._stored.get((bucket, key), (None,))[0] != wanted:
            body = b"".join(content(seed, at, min(_UPLOAD_PIECE_BYTES, size - at))
                            for at in range(0, size, _UPLOAD_PIECE_BYTES))
            etag = self.client.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]
            modified = self.client.head_object(Bucket=bucket, Key=key)["LastModified"]
            self._stored[bucket, key] = wanted, stored_object(size, seed, etag, int(modified.timestamp()))
        return self._stored[bucket, key][1]

    def put_in_parts(self, bucket, key, size, seed, part_bytes):
        """As put(), in parts of `part_bytes` (at least 5 MiB), which decide the ETag. Returns the ETag."""
        names = {"Bucket": bucket, "Key": key}
        upload = self.client.create_multipart_upload(**names)["UploadId"]
        parts = []
        for at in range(0, size, part_bytes):
            number = len(parts) + 1
            body = content(seed, at, min(part_bytes, size - at))
            sent = self.client.upload_part(**names, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self.client.complete_multipart_upload(**names, UploadId=upload, MultipartUpload={"Parts": parts})
        return self.client.head_object(**names)["ETag"]
