"""Honest clients of the S3 endpoint in one protocol, in a process of their own; signed by a key of their own.

    honest_s3.py PROTOCOL PORT S3_PORT     as honest.py; `what` is hit (GET and HEAD), miss, list or scrape
"""

import json
import sys
import urllib.parse

import honest
import protocols
import store
from http1 import range_header
from signer import HONEST

HOST = "cache.test"
LIST = f"/{honest.KIND}/?delimiter=%2F&list-type=2&prefix=small"


class S3Reader(honest.Reader):
    """Requests for the S3 endpoint."""

    def ask(self, method, target, headers=()):
        headers = [*headers, *HONEST.fields(method, target, HOST)]
        return self.exchange(target, headers, method)

    def read(self, key, first, last):
        response = self.ask("GET", f"/{honest.KIND}/{urllib.parse.quote(key)}", [range_header(first, last)])
        if response.status != 206:
            raise honest.Failure(f"{response.status} {response.body[:120]!r}")
        if not response.complete or response.body != store.content(key, first, last):
            raise honest.Failure(f"{len(response.body)} bytes, complete {response.complete}, or wrong ones")


class Hits(S3Reader):
    what = "hit"
    backlog = 1.0

    def request(self, number):
        key = honest.HITS[number % len(honest.HITS)]
        if number % 4 == 0:
            response = self.ask("HEAD", f"/{honest.KIND}/{key}")
            if response.status != 200 or response.header("content-length") != str(store.size_of(key)):
                raise honest.Failure(f"HEAD: {response.status}")
            return
        first = number * 997 % 900_000
        self.read(key, first, first + 20_000 - 1)


class Misses(S3Reader):
    what = "miss"

    def request(self, number):
        self.read(f"new-{self._client.name}-{number}", 0, 20_000 - 1)


class Lists(S3Reader):
    what = "list"

    def request(self, number):
        response = self.ask("GET", LIST)
        if response.status != 200 or not response.complete or not response.body.endswith(b"</ListBucketResult>"):
            raise honest.Failure(f"{response.status} {response.body[:120]!r}")


def main():
    protocol, port, s3_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client, scraped, samples = protocols.Client(protocol, s3_port), protocols.Client(protocol, port), []
    readers = [Hits(client, 0.015, 10 ** 9, samples), Hits(client, 0.04, 1, samples), Misses(client, 0.03, 20, samples),
               Lists(client, 0.05, 20, samples), honest.Scraper(scraped, 0.4, 4, samples)]
    honest.run_until_told(readers)
    json.dump(samples, sys.stdout)


if __name__ == "__main__":
    main()
