"""The requests: objects, and the lists of ranges that fetch_load sends."""

import dataclasses
import functools
import itertools
import os
import random

BUCKET = "bench"
KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
PAGE_BYTES = 16 * MIB
PAGES = 64
HOT_PAGES = 16  # 256 MiB, more than a CPU's caches
SEED = 20240607
TURN_BYTES = 1_000_003


@dataclasses.dataclass(frozen=True)
class Range:
    """Bytes first..last of an object. If `fresh` is set, the object is requested under that name, which no cache has."""

    name: str
    first: int
    last: int
    fresh: int | None = None

    @property
    def key(self):
        return f"{BUCKET}/{'' if self.fresh is None else f'fresh-{self.fresh}/'}{self.name}"


def page_name(number):
    return f"page-{number:02}"


def sized_name(size):
    """The name of the object of that size; there is one object per power of two up to a page."""
    return f"of-{size}"


@functools.cache
def _random_page():
    return random.Random(SEED).randbytes(PAGE_BYTES)


def write_object(path, size, first_turn=0):
    """Writes an object. Each page is the same random block, rotated by its own distance, so pages differ at every offset."""
    block = _random_page()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for number in range(-(-size // PAGE_BYTES)):
            turn = (first_turn + number) * TURN_BYTES % PAGE_BYTES
            file.write((block[turn:] + block[:turn])[:size - number * PAGE_BYTES])
        file.flush()
        os.fsync(file.fileno())  # so that the write-back does not happen during a measurement


def make_objects(data):
    """Makes 64 objects of one page each, and one object of each smaller size."""
    for number in range(PAGES):
        write_object(data / BUCKET / page_name(number), PAGE_BYTES, number)
    for size in (4 * KIB, 256 * KIB, MIB, 4 * MIB):
        write_object(data / BUCKET / sized_name(size), size, PAGES)


def write_bucket_list(data, keys):
    """Writes what ListObjectsV2 of the bucket answers: a page of `keys` keys, as S3 writes one."""
    contents = "".join(
        f"<Contents><Key>year=2026/part-{number:05}.parquet</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{PAGE_BYTES}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(keys))
    (data / f"{BUCKET}.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix></Prefix><KeyCount>{keys}</KeyCount><MaxKeys>{keys}</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>", encoding="ascii")


def pages(count=HOT_PAGES):
    return [Range(page_name(number), 0, PAGE_BYTES - 1) for number in range(count)]


def ranges_in_pages(size, of=HOT_PAGES, count=8192, step=1, seed=SEED):
    """Ranges of `size` at random offsets, multiples of `step`, in a number of pages."""
    chance = random.Random(seed)
    drawn = []
    for _ in range(count):
        first = chance.randrange((PAGE_BYTES - size) // step + 1) * step
        drawn.append(Range(page_name(chance.randrange(of)), first, first + size - 1))
    return drawn


def zipf(names, exponent, count, seed=SEED):
    """Draws `count` names. The names are ranked in a fixed random order; the k-th has the weight 1 / k^exponent."""
    order = list(names)
    random.Random(SEED).shuffle(order)
    weights = list(itertools.accumulate((rank + 1) ** -exponent for rank in range(len(order))))
    return random.Random(seed).choices(order, cum_weights=weights, k=count)


def write_list(path, ranges, data, prefix="/fetch", fields=None):
    """Writes a list for fetch_load; each line also names the file with the expected bytes. `fields`: the file with more
    lines for the head of a request, by the object's key."""
    path.write_text("".join(
        f"{r.first} {r.last} {prefix}/{r.key} {data / BUCKET / r.name} {fields[r.key] if fields else ''}\n" for r in ranges))
    return path


def wrk_script(ranges, prefix="/fetch"):
    """The same list as a script for wrk; the script checks status and length of each response."""
    rows = ",\n".join(f'{{"{prefix}/{r.key}", "bytes={r.first}-{r.last}", {r.last - r.first + 1}}}' for r in ranges)
    return f"""local asked = {{
{rows}
}}
local next_row = 0
local wrong = 0
function request()
  next_row = next_row % #asked + 1
  return wrk.format("GET", asked[next_row][1], {{["Range"] = asked[next_row][2]}})
end
function response(status, headers, body)
  if status ~= 206 or #body ~= asked[1][3] then wrong = wrong + 1 end
  if wrong > 0 and wrong < 4 then print("WRONG ANSWER", status, #body) end
end
"""
