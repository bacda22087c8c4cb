"""Runs an unpacked image as a container runtime would, by bubblewrap: the image's own user, entry point and
environment, a read-only root, no capabilities, a process namespace in which the server is process 1. Needs root."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

from harness import limit, wait_until

USER = 65532


class Image:
    """An oci-archive, unpacked by umoci below `folder`, into which the image's user must be able to look."""

    def __init__(self, archive, folder):
        self.archive, layout = archive, folder / "layout"
        layout.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", layout], check=True)
        (described,) = json.loads((layout / "index.json").read_text())["manifests"]
        self.digest = described["digest"]
        self.manifest = json.loads(_blob(layout, described["digest"]))
        self.config = json.loads(_blob(layout, self.manifest["config"]["digest"]))
        self.tag = described["annotations"]["org.opencontainers.image.ref.name"]
        subprocess.run(["umoci", "unpack", "--image", f"{layout}:{self.tag}", folder / "bundle"], check=True,
                       capture_output=True)
        (folder / "bundle").chmod(0o755)
        self.root = folder / "bundle" / "rootfs"


def _blob(layout, digest):
    return (layout / "blobs" / digest.replace(":", "/")).read_text()


def command_of(image, mounts=(), writable=(), network="own", info=None):
    """The words before the command in the image. mounts, writable: pairs of a path outside and one inside."""
    user, group = image.config["config"]["User"].split(":")
    words = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "bwrap", "--unshare-user", "--unshare-pid",
             "--unshare-ipc", "--unshare-uts", "--as-pid-1", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"]
    words += ["--unshare-net"] if network == "own" else []
    words += ["--ro-bind", image.root, "/", "--proc", "/proc", "--dev", "/dev"]
    words += [word for path in ("/tmp", "/run") for word in ("--tmpfs", path)]
    words += [word for pair in mounts for word in ("--ro-bind", *pair)]
    words += [word for pair in writable for word in ("--bind", *pair)]
    words += [word for variable in image.config["config"]["Env"] for word in ("--setenv", *variable.split("=", 1))]
    words += ["--info-fd", str(info)] if info is not None else []
    return [str(word) for word in words]


def run(image, *arguments, environment=None, **named):
    """Runs the entry point until it ends by itself."""
    added = [word for pair in (environment or {}).items() for word in ("--setenv", *pair)]
    return subprocess.run([*command_of(image, **named), *added, *image.config["config"]["Entrypoint"], *arguments],
                          capture_output=True, text=True, timeout=limit(20), check=False, stdin=subprocess.DEVNULL)


class Container:
    """A server in a container of its own. With network="own" the container has only a loopback interface."""

    def __init__(self, image, log, *arguments, **named):
        reader, writer = os.pipe()
        command = [*command_of(image, info=writer, **named), *image.config["config"]["Entrypoint"], *arguments]
        self._log, self._variables = pathlib.Path(log), dict(one.split("=", 1) for one in image.config["config"]["Env"])
        with open(log, "wb") as file:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                             pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as info:
            text = info.read()
        assert text, f"bwrap did not start: {self.log()}"
        self.pid = json.loads(text)["child-pid"]

    def log(self):
        return self._log.read_text()

    def wait_for(self, word):
        wait_until(lambda: word in self.log() or self._process.poll() is not None, 15, f"{word} in the log")
        assert self._process.poll() is None, f"the server ended, {self._process.poll()}: {self.log()}"
        return self

    def beside(self, *command):
        """Runs a command of this machine in the container's network."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", *command], capture_output=True, check=False,
                              timeout=limit(20))

    def inside(self, *command):
        """Runs a command of the image beside the server, with the image's variables, as `docker exec` does."""
        return subprocess.run(["nsenter", "-t", str(self.pid), "-m", "-n", "-S", str(USER), "-G", str(USER), *command],
                              capture_output=True, text=True, check=False, timeout=limit(20), env=self._variables)

    def terminate(self):
        os.kill(self.pid, signal.SIGTERM)

    def wait(self):
        return self._process.wait(limit(20))

    def kill(self):
        """Ends the container, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            if self._process.poll() is None:
                os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
