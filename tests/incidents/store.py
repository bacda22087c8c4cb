"""A scripted S3 store where every key is an object, with one behaviour for all requests that an incident can change."""

import zlib

from origin_model import Behaviour, stored_object
from scripted_origin import ScriptedOrigin


class Store(ScriptedOrigin):
    """`answer`: RequestRecord -> Behaviour."""

    def __init__(self, size):
        super().__init__()
        self._size = size
        self.answer = lambda record: Behaviour(delay=0.01)

    def _look_up(self, record):
        return self.answer(record), stored_object(self._size, zlib.crc32(record.key.encode())), True
