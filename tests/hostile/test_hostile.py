"""Every attack, short: honest clients are served as if it were not there, and it leaves nothing behind. See run.py."""

import pytest

import scene
from run import SHORT


@pytest.fixture(scope="module")
def store():
    scene.raise_file_limit(scene.OPEN_FILES)
    with scene.Store() as running:
        yield running


# Times of honest clients are those of a machine that other tests load, too: a server that is at fault fails each time.
@pytest.mark.flaky(reruns=3)
@pytest.mark.parametrize("name", scene.names())
def test_honest_clients_notice_nothing(store, name):
    assert scene.play(scene.load(name), store, **SHORT).faults() == []
