"""A real S3 store (see radosgw.sh) for one test session, and helpers for tests."""

import pathlib
import subprocess

import boto3
import botocore.config

from content import content
from origin_model import stored_object

_SCRIPT = pathlib.Path(__file__).with_name("radosgw.sh")
_UPLOAD_PIECE_BYTES = 8 << 20


class RadosGateway:
    """Runs from __enter__ to __exit__ under `directory`."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.settings = {}
        self.client = None
        self._stored = {}

    def _run(self, verb, *arguments):
        done = subprocess.run([str(_SCRIPT), verb, self.directory, *arguments], capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"radosgw.sh {verb} failed: {done.stderr}")
        return done.stdout

    def _start(self):
        """Starts the store, at most three times: on a busy machine its parts can miss each other and never respond."""
        for attempts_left in (2, 1, 0):
            try:
                return self._run("start")
            except RuntimeError as failure:
                if attempts_left == 0:
                    raise
                print(failure)

    def __enter__(self):
        self._start()
        lines = self._run("env").splitlines()
        self.settings = dict(line.split("=", 1) for line in lines)
        self.client = boto3.client(
            "s3", endpoint_url=self.settings["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            region_name=self.settings["AWS_REGION"],
            config=botocore.config.Config(s3={"addressing_style": "path"},
                                          retries={"total_max_attempts": 1}))
        return self

    def __exit__(self, *_):
        self._run("stop")

    def environment(self):
        """The AWS settings for clients of this store."""
        return dict(self.settings)

    def kill_gateway(self):
        self._run("kill-gateway")

    def restart_gateway(self, *options):
        self._run("restart-gateway", *options)

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
