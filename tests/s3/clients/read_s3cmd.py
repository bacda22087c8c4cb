"""s3cmd: asks for the bucket's location, then HEAD and GET."""

import os
import pathlib

import commands
from report import BIG, EMPTY, MISSING, ODD, SMALL, TABLE, Report, file_digest


def get(key):
    commands.run(["s3cmd", "--config=s3cfg", "get", "--force", report.url(key), "got"], r"404|NoSuchKey", dict(os.environ))
    return file_digest("got")


report = Report(commands.describe)
address = os.environ["AWS_ENDPOINT_URL"].partition("://")[2]
pathlib.Path("s3cfg").write_text(f"""[default]
host_base = {address}
host_bucket = {address}
use_https = False
access_key = {os.environ["AWS_ACCESS_KEY_ID"]}
secret_key = {os.environ["AWS_SECRET_ACCESS_KEY"]}
""", encoding="utf-8")
for the_key in (BIG, TABLE, EMPTY, SMALL, ODD):
    report.read(f"get {the_key}", get, the_key)
report.ask("missing key", get, MISSING)
report.show()
