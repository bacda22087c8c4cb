"""Holds threads of a process up, as a debugger does: by ptrace."""

import ctypes
import os
import pathlib
import time

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_DETACH, _SEIZE, _INTERRUPT = 17, 0x4206, 0x4207
_WAIT_ALL = 0x40000000  # __WALL: also for threads


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def threads_of(pid, name):
    """Ids of the threads whose names begin with `name`."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return [int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().startswith(name)]


def hold(thread, seconds):
    """Stops one thread for so long. To be called on one thread of this process only: the tracer."""
    _ptrace(_SEIZE, thread)
    _ptrace(_INTERRUPT, thread)
    os.waitpid(thread, _WAIT_ALL)
    time.sleep(seconds)
    _ptrace(_DETACH, thread)


def hold_in_rhythm(thread, held, free, over):
    """Until the event `over`: `held` seconds stopped, `free` seconds not."""
    while not over.wait(free):
        hold(thread, held)
