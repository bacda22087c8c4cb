"""Runs shell commands of documents as they stand, on a machine of their own that bubblewrap makes.

The machine has loopback alone, so that all ports are free, and may add addresses to it. /etc/cachey, /etc/haproxy,
/run/haproxy, /var/cache and /var/log are empty and writable, and the names `minio` and `cachey` are 127.0.0.1. The word `cachey` starts a server, waits until the server
listens, and goes on; the server before that one has ended by then.
"""

import os
import pathlib
import re
import shutil
import subprocess

from documents import ROOT

BINARY = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey")).resolve()
TOOLS = ROOT / "build" / "tools"

_CACHEY = r"""#!/bin/bash
# Starts the server and returns when it listens, or runs the real program if that ends by itself.
for word; do
  case $word in --check-origin* | --check-config | --print-config | --probe* | --version | --help) exec "$BINARY" "$@" ;; esac
done
stop_server
[ "${1:-}" != disk ] || exec "$BINARY" "$@"
[ -n "${AWS_ENDPOINT_URL_S3:-}" ] || export CACHEY_ORIGIN="dir:$MACHINE/origin"
"$BINARY" "$@" >"$MACHINE/log" 2>&1 &
echo $! >"$MACHINE/pid"
until grep -q listening "$MACHINE/log"; do
  kill -0 $! 2>/dev/null || { cat "$MACHINE/log" >&2; exit 1; }
  sleep 0.02
done
"""

_STOP = r"""#!/bin/bash
[ -e "$MACHINE/pid" ] || exit 0
pid=$(cat "$MACHINE/pid")
kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
rm "$MACHINE/pid"
"""

_DEV = r"""#!/bin/bash
case ${1:-} in
  test) echo 'tests: ./dev test runs this file' ;;
  run)
    HOME=$REAL_HOME "$ROOT/dev" "$@" >"$MACHINE/log" 2>&1 &
    until grep -q listening "$MACHINE/log"; do
      kill -0 $! 2>/dev/null || { cat "$MACHINE/log" >&2; exit 1; }
      sleep 0.1
    done ;;
  *) echo "no such word in a scenario: ./dev $*" >&2; exit 1 ;;
esac
"""

_PRELUDE = r"""set -eu
object() { mkdir -p "$MACHINE/origin/$1" && echo 0123456789 >"$MACHINE/origin/$1/$2"; }
# ADDRESS KEY SECRET REGION: versitygw
start_store() {
  mkdir -p "$MACHINE/store/data" "$MACHINE/store/sidecar"
  "$TOOLS/versitygw" --access "$2" --secret "$3" --region "$4" --quiet --port "127.0.0.1:${1#*:}" \
    posix --sidecar "$MACHINE/store/sidecar" "$MACHINE/store/data" >"$MACHINE/store.log" 2>&1 &
  until curl -s -o /dev/null "http://$1/"; do kill -0 $! || { cat "$MACHINE/store.log" >&2; return 1; }; sleep 0.05; done
}
# A fleet: `start_node N` starts Cachey at 10.0.0.N, `stop_node N` ends that; `ssh` to such an address restarts the node,
# whatever the command is; systemctl does what a unit of HAProxy does.
start_fleet() {
  object demo hello.txt && ln -s "$ROOT/deploy" deploy && ip route add local 10.0.0.0/8 dev lo
  for number; do start_node "$number"; done
  declare -f start_node stop_node >"$MACHINE/functions"
  printf '%s\n' '#!/bin/bash' '. "$MACHINE/functions"; set -eu; stop_node "${1##*.}"; start_node "${1##*.}"' >"$MACHINE/bin/ssh"
  chmod +x "$MACHINE/bin/ssh"
}
start_node() {
  "$BINARY" --origin "dir:$MACHINE/origin" --memory 64MiB --listen "10.0.0.$1" --port 8080 2>>"$MACHINE/log" &
  echo $! >"$MACHINE/node-$1"
  until curl -fs "http://10.0.0.$1:8080/readyz" >/dev/null; do kill -0 $! || return 1; sleep 0.05; done
}
stop_node() { kill "$(cat "$MACHINE/node-$1")" && while kill -0 "$(cat "$MACHINE/node-$1")" 2>/dev/null; do sleep 0.05; done; }
cacheyctl() { PYTHONPATH=$ROOT/clients/python/src /usr/bin/python3 -m cachey_client.cli "$@"; }
haproxy_worker() { echo 'show info' | socat - /run/haproxy/admin.sock 2>/dev/null | grep '^Pid: '; }
systemctl() {
  case "$*" in
    "restart haproxy") haproxy -D -W -p /run/haproxy/pid -f /etc/haproxy/haproxy.cfg ;;
    "reload haproxy")
      old=$(haproxy_worker) && kill -USR2 "$(cat /run/haproxy/pid)"
      until new=$(haproxy_worker) && [ "$new" != "$old" ]; do sleep 0.05; done ;;
    *) echo "no such word in a scenario: systemctl $*" >&2; return 1 ;;
  esac
}
put() { mkdir -p "$MACHINE/store/data/$1/$(dirname "$2")" && seq 1 200000 >"$MACHINE/store/data/$1/$2"; }
"""


def _programs(folder):
    folder.mkdir()
    for name, text in {"cachey": _CACHEY, "stop_server": _STOP}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def _settings(folder):
    search = [str(_programs(folder / "bin")), str(TOOLS / "s3-aws" / "bin"), os.environ["PATH"]]
    return {"PATH": ":".join(search), "HOME": str(folder / "home"), "REAL_HOME": os.environ["HOME"], "BINARY": str(BINARY),
            "ROOT": str(ROOT), "TOOLS": str(TOOLS), "MACHINE": str(folder), "CACHEY_MEMORY": "128MiB", "CACHEY_THREADS": "1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1", "LANG": "C.UTF-8"}


def etc_words(but):
    """bubblewrap's words for an /etc that can be written, with the machine's files but for some."""
    yield from ("--tmpfs", "/etc")
    for entry in sorted(pathlib.Path("/etc").iterdir()):
        if entry.is_symlink():
            yield from ("--symlink", os.readlink(entry), str(entry))
        elif entry.name not in but and (entry.is_file() or entry.is_dir()):
            yield from ("--ro-bind", str(entry), str(entry))


def machine(folder, command, cwd, seconds):
    """Runs `command` there; everything that it has started ends with it."""
    assert shutil.which("bwrap"), "bubblewrap is not installed"
    (folder / "hosts").write_text("127.0.0.1 localhost minio cachey\n::1 localhost\n")
    own = ["--dev-bind", "/", "/", *etc_words({"hosts", "cachey", "haproxy"}), "--ro-bind", str(folder / "hosts"), "/etc/hosts", "--dir", "/etc/cachey",
           "--dir", "/etc/haproxy", "--tmpfs", "/run", "--dir", "/run/haproxy", "--tmpfs", "/var/cache", "--tmpfs", "/var/log"]
    words = ["timeout", str(seconds), "bwrap", *own, "--proc", "/proc", "--unshare-net", "--cap-add", "CAP_NET_ADMIN", "--unshare-pid", "--die-with-parent", "--chdir", str(cwd)]
    return subprocess.run([*words, *command], env=_settings(folder), text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)


def run_blocks(folder, before, blocks, seconds=60):
    """Runs (name, text) in one shell; the first command that fails ends the shell, and the output names its block.

    Exit code 124: the time was not enough.
    """
    cwd = folder / "cwd"
    for made in (cwd, folder / "home", folder / "origin"):
        made.mkdir()
    (cwd / "dev").write_text(_DEV)
    (cwd / "dev").chmod(0o755)
    lines = [_PRELUDE, before]
    for number, (name, text) in enumerate(blocks):
        (folder / f"block-{number}").write_text(text)
        lines += [f"echo '--- {name}' >&2", f". {folder}/block-{number}"]
    (folder / "script").write_text("\n".join(lines) + "\nstop_server\n")
    done = machine(folder, ["bash", str(folder / "script")], cwd, seconds)
    log = folder / "log"
    return done, re.sub(r"\x1b\[\d*m", "", log.read_text(errors="replace")) if log.exists() else ""
