"""The bytes of test objects, as a function of (seed, offset).

An object is a row of 64 KiB blocks. Block `i` of seed `s` is a 32-byte digest of (s, i) followed by
random bytes of the seed, rotated by a distance taken from the digest. So no two blocks are alike, and a
byte at a wrong offset or from a wrong object is detected. Any range costs little more than the copy of
its bytes: an object of many TiB needs no storage.
"""

import functools
import hashlib
import random
import struct

BLOCK_BYTES = 64 * 1024
_DIGEST_BYTES = 32


@functools.lru_cache(maxsize=128)
def _noise(seed):
    once = random.Random(seed).randbytes(BLOCK_BYTES)
    return memoryview(once + once)


def _digest(seed, index):
    return hashlib.blake2b(struct.pack("<QQ", seed, index), digest_size=_DIGEST_BYTES).digest()


def content_views(seed, first, length):
    """The bytes of content() as a list of buffers to gather; avoids large copies."""
    noise = _noise(seed)
    views = []
    at, stop = first, first + length
    while at < stop:
        index, skip = divmod(at, BLOCK_BYTES)
        end = min(BLOCK_BYTES, skip + stop - at)
        digest = _digest(seed, index)
        turn = digest[0] | digest[1] << 8
        if skip < _DIGEST_BYTES:
            views.append(memoryview(digest)[skip:end])
        if end > _DIGEST_BYTES:
            shift = turn - _DIGEST_BYTES
            views.append(noise[shift + max(skip, _DIGEST_BYTES) : shift + end])
        at += end - skip
    return views


def content(seed, first, length):
    """The `length` bytes of object `seed` from offset `first`."""
    return b"".join(content_views(seed, first, length))


def first_difference(data, seed, first):
    """The object offset of the first byte of `data` that differs from the object, or None."""
    step = 1 << 18
    for at in range(0, len(data), step):
        piece = bytes(data[at : at + step])
        want = content(seed, first + at, len(piece))
        if piece != want:
            return first + at + next(i for i in range(len(piece)) if piece[i] != want[i])
    return None
