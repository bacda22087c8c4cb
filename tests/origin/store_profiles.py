"""The peculiarities of each kind of S3-compatible store, as presets of the scripted origin.

    with origin_like(PROFILES["garage"]) as origin: ...

Every preset must pass the same suite (tests/e2e/test_s3_stores.py), and so must a real store.
"""

import dataclasses

from origin_model import Behaviour
from scripted_origin import ScriptedOrigin
from sigv4_check import Credentials


@dataclasses.dataclass(frozen=True)
class Profile:
    usual: Behaviour = dataclasses.field(default_factory=Behaviour)
    region: str = "us-east-1"
    host: str = "127.0.0.1"  # if a name, buckets are in the host name
    flags: tuple = ()  # options that the server needs
    tells_size: bool = True  # a 416 contains the object's size
    tells_version: bool = True  # responses have Last-Modified and ETag


PROFILES = {
    "aws": Profile(Behaviour(checksum="whole")),
    "rustfs-old": Profile(Behaviour(checksum="any")),
    "minio": Profile(Behaviour(checksum="whole", past_end="document")),
    "ceph-rgw-old": Profile(Behaviour(checksum="any"), region="default"),
    "cloudflare-r2": Profile(Behaviour(checksum="any"), region="auto"),
    "google-cloud-storage": Profile(Behaviour(headers=(("x-goog-hash", "crc32c=AAAAAA=="),)), region="auto"),
    "backblaze-b2": Profile(Behaviour(needs_no="x-amz-checksum-mode"), region="us-west-004",
                            flags=("--s3-checksum-mode", "off")),
    "tigris": Profile(region="auto", host="localhost"),
    "seaweedfs": Profile(Behaviour(past_end="header")),
    "seaweedfs-old": Profile(Behaviour(past_end="backwards")),
    "garage": Profile(Behaviour(past_end="header"), region="garage"),
    "versitygw-old": Profile(Behaviour(whole_as_200=True)),
    "no-body-416": Profile(Behaviour(past_end="bare"), tells_size=False),
    "lower-case-headers": Profile(Behaviour(name_case=str.lower)),
    "upper-case-headers": Profile(Behaviour(name_case=str.upper)),
    "spaced-content-range": Profile(Behaviour(spaced_range=True)),
    "no-version": Profile(Behaviour(omit=("etag", "last-modified")), tells_version=False),
    "http-1.0": Profile(Behaviour(http10=True)),
    "http-1.0-until-close": Profile(Behaviour(http10=True, omit=("content-length",))),
    "closes": Profile(Behaviour(close=True)),
    "interim-answers": Profile(Behaviour(interim=True)),
    "chunked": Profile(Behaviour(chunked=True)),
}


def origin_like(profile):
    return ScriptedOrigin(Credentials(region=profile.region), profile.usual, profile.host)
