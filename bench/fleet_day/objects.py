"""The objects of the day: more bytes than the disk has, so each byte follows from its place."""

import itertools
import random

KIB, MIB = 1 << 10, 1 << 20
BLOCK_BYTES = 16 * MIB
TURN_BYTES = 1_000_003
PAGE_BYTES = MIB  # --page-size of the nodes
READ_BYTES = (4 * KIB, 64 * KIB, 256 * KIB)
ZIPF_EXPONENT = 1.1
SEED = 20261129


class Objects:
    """`count` objects of `size` bytes. Each 16 MiB is the same random block, rotated by a distance of its own."""

    def __init__(self, count, size):
        self.count, self.size = count, size
        block = random.Random(SEED).randbytes(BLOCK_BYTES)
        self._twice = memoryview(block + block)

    def pieces(self, number, first, end):
        """The bytes [first, end) of an object, as views."""
        while first < end:
            within = first % BLOCK_BYTES
            turn = (number * 1009 + first // BLOCK_BYTES) * TURN_BYTES % BLOCK_BYTES
            taken = min(end - first, BLOCK_BYTES - within)
            yield self._twice[turn + within:turn + within + taken]
            first += taken

    def bytes(self, number, first, end):
        return b"".join(self.pieces(number, first, end))


def key_of(number):
    return f"object-{number:04}"


def number_of(key):
    return int(key.rpartition("-")[2])


class Reads:
    """Reads of pages by Zipf's law; the k-th page of a fixed random order has the weight 1 / k^1.1."""

    def __init__(self, objects):
        self._pages = objects.size // PAGE_BYTES
        self._order = list(range(objects.count * self._pages))
        random.Random(SEED).shuffle(self._order)
        self._weights = list(itertools.accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(len(self._order))))

    def _place(self, page):
        return page // self._pages, page % self._pages * PAGE_BYTES

    def draw(self, chance):
        """(object, first, end) within one page."""
        number, begin = self._place(chance.choices(self._order, cum_weights=self._weights)[0])
        size = chance.choice(READ_BYTES)
        first = begin + chance.randrange(PAGE_BYTES - size + 1)
        return number, first, first + size

    def hottest(self, count):
        """One small read of each of the hottest pages, the hottest last."""
        for page in reversed(self._order[:count]):
            number, begin = self._place(page)
            yield number, begin, begin + READ_BYTES[0]
