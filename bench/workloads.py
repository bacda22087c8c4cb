"""What is asked: the objects, and the lists of ranges that fetch_load walks."""

import dataclasses
import functools
import itertools
import os
import random

BUCKET = "bench"
KIB = 1024
MIB = 1024 * KIB
PAGE_BYTES = 16 * MIB
PAGES_PER_OBJECT = 2
OBJECTS = 16
OBJECT_BYTES = PAGES_PER_OBJECT * PAGE_BYTES
SMALL_BYTES = 4 * KIB
SMALL_REQUESTS = 8192
SEED = 20240607
TURN_BYTES = 1_000_003
# What one core can fetch at most, so that a list of misses is long enough for its time.
MISS_BYTES_PER_SECOND_MAX = 4_000_000_000


@dataclasses.dataclass(frozen=True)
class Range:
    """Bytes first..last of an object; `fresh` is the name it is asked by when nobody may have it."""

    number: int
    first: int
    last: int
    fresh: int | None = None

    @property
    def key(self):
        prefix = "" if self.fresh is None else f"fresh-{self.fresh}/"
        return f"{BUCKET}/{prefix}{object_name(self.number)}"

    def expected(self, data):
        with open(data / BUCKET / object_name(self.number), "rb") as file:
            file.seek(self.first)
            return file.read(self.last - self.first + 1)


def object_name(number):
    return f"object-{number:02}"


def make_objects(data):
    """16 objects of 32 MiB. Each page is one random block turned by a distance of its own, so that
    no page holds at any offset what another page holds there."""
    block = random.Random(SEED).randbytes(PAGE_BYTES)
    (data / BUCKET).mkdir(parents=True)
    for number in range(OBJECTS):
        with open(data / BUCKET / object_name(number), "wb") as file:
            for page in range(PAGES_PER_OBJECT):
                turn = (number * PAGES_PER_OBJECT + page) * TURN_BYTES % PAGE_BYTES
                file.write(block[turn:])
                file.write(block[:turn])
            file.flush()
            os.fsync(file.fileno())  # written back now, not while something is measured


def page(number, index, fresh=None):
    first = index * PAGE_BYTES
    return Range(number, first, first + PAGE_BYTES - 1, fresh)


def hit_pages():
    """One page of each object: 256 MiB, more than any cache of a CPU."""
    return [page(number, number % PAGES_PER_OBJECT) for number in range(OBJECTS)]


@functools.cache
def small_ranges():
    """4 KiB at any byte offset inside the hit pages."""
    chance = random.Random(SEED)
    pages = hit_pages()
    ranges = []
    for _ in range(SMALL_REQUESTS):
        home = chance.choice(pages)
        first = home.first + chance.randrange(PAGE_BYTES - SMALL_BYTES)
        ranges.append(Range(home.number, first, first + SMALL_BYTES - 1))
    return ranges


class FreshPages:
    """Pages under names that were never asked for: both of an object, then the next object's."""

    def __init__(self):
        self._numbers = itertools.count()

    def take(self, count):
        pages = []
        while len(pages) < count:
            fresh = next(self._numbers)
            pages += [page(fresh % OBJECTS, index, fresh) for index in range(PAGES_PER_OBJECT)]
        return pages[:count]

    def enough_for(self, seconds):
        return self.take(int(MISS_BYTES_PER_SECOND_MAX * seconds / PAGE_BYTES) + 8)


def write_list(path, ranges, prefix):
    path.write_text("".join(f"{r.first} {r.last} {prefix}/{r.key}\n" for r in ranges))
    return path


def wrk_script(ranges, prefix):
    """The same list for wrk, each answer checked."""
    rows = ",\n".join(f'{{"{prefix}/{r.key}", "bytes={r.first}-{r.last}"}}' for r in ranges)
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
  if status ~= 206 or #body ~= {SMALL_BYTES} then wrong = wrong + 1 end
  if wrong > 0 and wrong < 4 then print("WRONG ANSWER", status, #body) end
end
"""
