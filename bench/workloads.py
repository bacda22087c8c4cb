"""What is asked: the objects, and the lists of ranges that fetch_load walks."""

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
HOT_PAGES = 16  # 256 MiB, more than any cache of a CPU
SEED = 20240607
TURN_BYTES = 1_000_003


@dataclasses.dataclass(frozen=True)
class Range:
    """Bytes first..last of an object; `fresh` is the name it is asked by when nobody may have it."""

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
    """The object of that many bytes; there is one of each power of two up to a page."""
    return f"of-{size}"


@functools.cache
def _random_page():
    return random.Random(SEED).randbytes(PAGE_BYTES)


def write_object(path, size, first_turn=0):
    """Pages are one random block, each turned by a distance of its own: none holds at any offset what another holds."""
    block = _random_page()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for number in range(-(-size // PAGE_BYTES)):
            turn = (first_turn + number) * TURN_BYTES % PAGE_BYTES
            file.write((block[turn:] + block[:turn])[:size - number * PAGE_BYTES])
        file.flush()
        os.fsync(file.fileno())  # written back now, not while something is measured


def make_objects(data):
    """64 objects of one page each, and one of each smaller size that is asked for whole."""
    for number in range(PAGES):
        write_object(data / BUCKET / page_name(number), PAGE_BYTES, number)
    for size in (4 * KIB, 256 * KIB, MIB, 4 * MIB):
        write_object(data / BUCKET / sized_name(size), size, PAGES)


def pages(count=HOT_PAGES):
    return [Range(page_name(number), 0, PAGE_BYTES - 1) for number in range(count)]


def ranges_in_pages(size, of=HOT_PAGES, count=8192, step=1, seed=SEED):
    """Ranges of `size` at random offsets, multiples of `step`, in so many pages."""
    chance = random.Random(seed)
    drawn = []
    for _ in range(count):
        first = chance.randrange((PAGE_BYTES - size) // step + 1) * step
        drawn.append(Range(page_name(chance.randrange(of)), first, first + size - 1))
    return drawn


def zipf(names, exponent, count, seed=SEED):
    """`count` of the names, the most popular first in none but their draw: the k-th is drawn as 1 / k^exponent."""
    order = list(names)
    random.Random(SEED).shuffle(order)
    weights = list(itertools.accumulate((rank + 1) ** -exponent for rank in range(len(order))))
    return random.Random(seed).choices(order, cum_weights=weights, k=count)


def write_list(path, ranges, data, prefix="/fetch"):
    """Lines for fetch_load, with the file that has the bytes."""
    path.write_text("".join(f"{r.first} {r.last} {prefix}/{r.key} {data / BUCKET / r.name}\n" for r in ranges))
    return path


def wrk_script(ranges, prefix="/fetch"):
    """The same list for wrk, each answer's status and length checked."""
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
