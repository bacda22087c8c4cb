#!/usr/bin/env python3
"""One run of one client: reads.py WAY PORT S3_PORT FOLDER BYTES COUNT

Reads ranges of BYTES, one after the other, from the objects of FOLDER, which is a bucket and a kind. The first reads are
compared with the files. Then COUNT reads are counted. Prints the CPU-seconds of this process.
"""

import asyncio
import http.client
import itertools
import pathlib
import random
import sys
import time

COMPARED = 4
SEED = 5


class Ranges:
    def __init__(self, folder, size):
        self.files = sorted(folder.iterdir())
        self._bytes = self.files[0].stat().st_size
        self._size = size
        self._chance = random.Random(SEED)

    def __iter__(self):
        for file in itertools.cycle(self.files):
            first = self._chance.randrange((self._bytes - self._size) // 4096 + 1) * 4096
            yield file, first, first + self._size


def plain(where, kind, into):
    connection = http.client.HTTPConnection(where)

    def read(key, first, end):
        connection.request("GET", f"/fetch/{kind}/{key}", headers={"Range": f"bytes={first}-{end - 1}"})
        answer = connection.getresponse()
        assert answer.status == 206
        if into is None:
            return answer.read()
        have, view = 0, into[:end - first]
        while have < len(view) and (count := answer.readinto(view[have:])):
            have += count
        answer.read()
        return view[:have]

    return read


def ours(where, kind, into):
    import cachey_client
    client = cachey_client.Client([where])
    return lambda key, first, end: client.read(kind, key, first, end, into=None if into is None else into[:end - first]).data


def of_boto3(where, bucket):
    import boto3
    import botocore.config
    client = boto3.client("s3", endpoint_url=f"http://{where}", aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1",
                          config=botocore.config.Config(s3={"addressing_style": "path"}))
    return lambda key, first, end: client.get_object(Bucket=bucket, Key=key, Range=f"bytes={first}-{end - 1}")["Body"].read()


def of_httpx(base):
    import httpx
    client = httpx.Client()
    return lambda key, first, end: client.get(f"{base}/{key}", headers={"Range": f"bytes={first}-{end - 1}"}).content


def of_requests(base):
    import requests
    session = requests.Session()
    return lambda key, first, end: session.get(f"{base}/{key}", headers={"Range": f"bytes={first}-{end - 1}"}).content


def of_obstore(base):
    import obstore
    from obstore.store import HTTPStore
    store = HTTPStore.from_url(base, client_options={"allow_http": True})
    return lambda key, first, end: obstore.get_range(store, key, start=first, end=end)


def cost(read, ranges, count):
    """The CPU-seconds of `count` reads."""
    places = iter(ranges)
    for file, first, end in itertools.islice(places, max(COMPARED, len(ranges.files))):
        if bytes(read(file.name, first, end)) != file.read_bytes()[first:end]:
            raise ValueError("a byte differs")
    before = time.process_time()
    for file, first, end in itertools.islice(places, count):
        if len(read(file.name, first, end)) != end - first:
            raise ValueError("a short answer")
    return time.process_time() - before


def cost_of_aiohttp(base, ranges, count):
    import aiohttp
    with asyncio.Runner() as runner:
        async def session():
            return aiohttp.ClientSession()

        opened = runner.run(session())

        async def get(key, first, end):
            async with opened.get(f"{base}/{key}", headers={"Range": f"bytes={first}-{end - 1}"}) as answer:
                return await answer.read()

        async def many(places):
            for file, first, end in places:
                if len(await get(file.name, first, end)) != end - first:
                    raise ValueError("a short answer")

        places = iter(ranges)
        for file, first, end in itertools.islice(places, max(COMPARED, len(ranges.files))):
            if runner.run(get(file.name, first, end)) != file.read_bytes()[first:end]:
                raise ValueError("a byte differs")
        before = time.process_time()
        runner.run(many(itertools.islice(places, count)))
        spent = time.process_time() - before
        runner.run(opened.close())
        return spent


def main():
    way, port, s3_port, folder, size, count = sys.argv[1:]
    folder, size, count = pathlib.Path(folder), int(size), int(count)
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "clients/python/src"))
    where, kind = f"127.0.0.1:{port}", folder.name
    base = f"http://{where}/fetch/{kind}"
    ranges, into = Ranges(folder, size), memoryview(bytearray(size))
    if way == "aiohttp":
        print(cost_of_aiohttp(base, ranges, count))
        return
    ways = {"http.client": lambda: plain(where, kind, None), "http.client, into": lambda: plain(where, kind, into),
            "cachey_client": lambda: ours(where, kind, None), "cachey_client, into": lambda: ours(where, kind, into),
            "boto3": lambda: of_boto3(f"127.0.0.1:{s3_port}", kind), "httpx": lambda: of_httpx(base),
            "requests": lambda: of_requests(base), "obstore": lambda: of_obstore(base)}
    print(cost(ways[way](), ranges, count))


if __name__ == "__main__":
    main()
