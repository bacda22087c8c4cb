"""Nothing stays behind: processes and machines of tests that are killed, or that cannot make them."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from fleet import wait_until
from hosts import Hosts, Unavailable

_HERE = pathlib.Path(__file__).parent
_KILLED = f"""
import pathlib, sys, time
sys.path.insert(0, {str(_HERE)!r})
from fleet import Process
from hosts import Space
made = {{"Process": lambda: Process(["sleep", 600], pathlib.Path(sys.argv[1]) / "log"), "Space": Space}}[sys.argv[2]]()
print(made.pid, flush=True)
time.sleep(600)
"""


def bridges():
    return {name for name in os.listdir("/sys/class/net") if name.startswith(f"fleet{os.getpid()}")}


@contextlib.contextmanager
def some_hosts():
    try:
        with Hosts() as hosts:
            yield hosts
    except Unavailable as error:
        pytest.skip(f"no network namespaces: {error}")


def is_alive(pid):
    """A process that has ended may wait for its new parent."""
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("what", ["Process", "Space"])
def test_what_killed_tests_have_made_ends(what, number, tmp_path):
    if what == "Space":
        with some_hosts():
            pass  # or the test is skipped
    with subprocess.Popen([sys.executable, "-c", _KILLED, tmp_path, what], stdout=subprocess.PIPE, text=True) as tests:
        pid = int(tests.stdout.readline())
        wait_until(lambda: pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "the process has made what the kernel must know")
        tests.send_signal(number)
        tests.stdout.close()
    wait_until(lambda: not is_alive(pid), "the process ends")


def test_machines_of_a_failed_test_are_gone():
    with pytest.raises(ZeroDivisionError), some_hosts() as hosts:
        machine = hosts.add()
        hosts.add()
        assert len(bridges()) == 3
        subprocess.run([*machine.words, "ip", "link", "show", "eth0"], check=True, capture_output=True)
        assert 1 / 0
    assert bridges() == set()


def test_without_rights_there_are_no_machines():
    code = f"import sys; sys.path.insert(0, {str(_HERE)!r}); import hosts\nwith hosts.Hosts(): pass"
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []
    done = subprocess.run([*words, sys.executable, "-c", code], text=True, capture_output=True)
    assert done.returncode == 1 and "hosts.Unavailable: " in done.stderr.splitlines()[-1], done.stderr
