"""A machine of Debian 12 in a container: systemd boots as process 1, with a network of its own that has loopback alone.

The files of the system come from mmdebstrap, once for each list of packages, and stay in build/rootfs. A machine writes
to an overlay over these files, which ends with the machine. Needs root.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
_SUITE = "bookworm"
_BASE = ["systemd", "systemd-sysv", "dbus", "ca-certificates", "logrotate"]
_BOOT_SECONDS = 120
_LIMIT_SECONDS = 120  # of one command


def needs():
    """What this computer lacks for a machine, or an empty text."""
    if os.geteuid() != 0:
        return "machines need root"
    missing = [tool for tool in ("systemd-nspawn", "mmdebstrap", "nsenter") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def root_files(packages):
    """The folder with a Debian system that has these packages."""
    names = sorted({*_BASE, *packages})
    folder = ROOT / "build" / "rootfs" / hashlib.sha256(" ".join([_SUITE, *names]).encode()).hexdigest()[:16]
    if not folder.exists():
        making = folder.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--aptopt=Acquire::Retries \"3\"",
                        f"--include={','.join(names)}", _SUITE, making], check=True)
        making.rename(folder)
    return folder


class Machine:
    """Boots on entry, ends on exit. `files` is the root of its files as this process sees it."""

    def __init__(self, packages, folder):
        self._folder = folder
        self._lower = root_files(packages)
        self.files = folder / "root"
        self._nspawn = None
        self._leader = None

    def __enter__(self):
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir()
        layers = f"lowerdir={self._lower},upperdir={self._folder}/upper,workdir={self._folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.files], check=True)
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._nspawn:
            if self._leader:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._leader, 9)
            self._nspawn.terminate()
            self._nspawn.wait(timeout=30)
        subprocess.run(["umount", self.files], check=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _boot(self):
        console = (self._folder / "console").open("wb")
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.files}", "--boot", "--private-network", "--register=no",
             "--keep-unit", "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
             f"--machine=cachey-{os.getpid()}"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        self.wait_for(self._is_running, _BOOT_SECONDS, "the machine has booted")

    def _is_running(self):
        if self._nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended:\n{(self._folder / 'console').read_text(errors='replace')}")
        children = pathlib.Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def run(self, *command, check=True, **environment):
        """Runs a command in the machine; standard error comes with the output."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
             *(f"{name}={value}" for name, value in environment.items()), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=_LIMIT_SECONDS, check=False)
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done

    def in_network(self, *command):
        """The arguments of a command of this computer, such as curl, that sees the network of the machine."""
        return ["nsenter", "-t", str(self._leader), "-n", *command]

    @staticmethod
    def wait_for(happens, seconds, what):
        end = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what}"
            time.sleep(0.1)
