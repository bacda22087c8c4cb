#!/usr/bin/env bash
# from_nothing.sh [COMMIT]: the CPU time of `./dev run`, from a fresh Debian 12 with git to the first answer.
# It counts what ./dev run does: packages, configuration, compilation, the server. Fails past BUDGET CPU-seconds (240).
# Needs root, mmdebstrap and git; downloads 250 MB, and uses 2 GB below TMPDIR (/var/tmp), which it gives back.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
commit=$(git -C "$source" rev-parse "${1:-HEAD}")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/cachey-from-nothing-XXXXXX")
machine=
finish() {
  [ -z "$machine" ] || { kill -KILL "$machine" && wait "$machine" || true; } 2>/dev/null
  rm -rf --one-file-system "$work"
}
trap finish EXIT

echo "making a Debian 12 with git"
mmdebstrap --quiet --variant=minbase --include=ca-certificates,git bookworm "$work/root"
git clone -q --no-hardlinks "$source" "$work/root/cachey"
git -C "$work/root/cachey" checkout -q --detach "$commit"
read -r port s3_port < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in sockets))')

# The first process of a namespace: its end is the end of all processes of ./dev run, and it reaps their orphans.
unshare --mount --pid --fork --kill-child --mount-proc="$work/root/proc" chroot "$work/root" \
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PORT="$port" S3_PORT="$s3_port" \
  /cachey/dev run >"$work/log" 2>&1 </dev/null &
machine=$!
began=$SECONDS
until curl -sf -r 0-21 "http://127.0.0.1:$port/fetch/demo/hello.txt" -o "$work/answer"; do
  kill -0 "$machine" 2>/dev/null || { tail -n 50 "$work/log" && echo "./dev run ended without an answer" && exit 1; }
  [ $((SECONDS - began)) -lt 3600 ] || { tail -n 50 "$work/log" && echo "no answer within an hour" && exit 1; }
  sleep 0.2
done
grep -qx 'Hello from the cache.' "$work/answer"

# User and system time of the server, which ./dev became, and of the children that were waited for: proc(5).
read -r server < <(pgrep -P "$machine")
ticks=$(sed 's/.*) //' "/proc/$server/stat" | cut -d' ' -f12-15 | tr ' ' '+')
cpu=$((($ticks) / $(getconf CLK_TCK)))
echo "the first answer of $(git -C "$source" describe --always "$commit"): $cpu CPU-seconds, $((SECONDS - began)) s"
[ "$cpu" -le "${BUDGET:-240}" ] || { echo "past ${BUDGET:-240} CPU-seconds" && exit 1; }
