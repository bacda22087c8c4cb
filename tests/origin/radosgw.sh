#!/bin/bash
# A real S3 store for tests: Ceph's RADOS gateway over one monitor and one in-memory OSD, on loopback.
#
#   radosgw.sh start DIR             make a new store under DIR and wait until it serves
#   radosgw.sh stop DIR              end all processes of the store
#   radosgw.sh kill-gateway DIR      SIGKILL the gateway only; the objects stay
#   radosgw.sh restart-gateway DIR [radosgw options]
#                                    start the gateway again, same port and objects, optionally with other options
#   radosgw.sh env DIR               print the settings for a client as NAME=value lines
#
# Needs the Debian packages radosgw, ceph-mon and ceph-osd. Needs no root, systemd or container.
# S3_PORT, MON_PORT and OSD_PORT (the first of ten) set ports; unset ports are chosen among the free ones.
# S3_ACCESS_KEY and S3_SECRET_KEY set the user's keys.
# Ends only processes that this script started under DIR: by recorded pid, after a check of the command line.
set -euo pipefail

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

command=${1:-}; dir=${2:-}
[ -n "$command" ] && [ -n "$dir" ] || usage
shift 2
dir=$(realpath -m -- "$dir")
conf=$dir/ceph.conf
settings=$dir/client.env

fail() { echo "radosgw.sh: $*" >&2; exit 1; }

# Prints $1 port numbers in a row, all free now, below the kernel's own ephemeral range.
pick_ports() {
  /usr/bin/python3 - "$1" <<'PYTHON'
import random, socket, sys
count = int(sys.argv[1])
for _ in range(200):
    first = random.randrange(20000, 32000 - count)
    held = []
    try:
        for port in range(first, first + count):
            held.append(socket.socket())
            held[-1].bind(("127.0.0.1", port))
    except OSError:
        continue
    finally:
        [sock.close() for sock in held]
    print(first)
    sys.exit(0)
sys.exit("no free ports")
PYTHON
}

is_ours() { [ -n "${1:-}" ] && grep -qzxF -- "$conf" "/proc/$1/cmdline" 2>/dev/null; }

daemon_pid() { cat "$dir/$1.pid" 2>/dev/null || true; }

launch() {  # name program arguments...
  local name=$1; shift
  setsid "$@" </dev/null >>"$dir/$name.out" 2>&1 &
  echo $! >"$dir/$name.pid"
}

end_daemon() {
  local pid; pid=$(daemon_pid "$1")
  if is_ours "$pid"; then
    kill -KILL "$pid"
    while is_ours "$pid"; do sleep 0.02; done
  fi
  rm -f "$dir/$1.pid"
}

end_all() { local name; for name in gateway osd mon; do end_daemon "$name"; done; }

# Repeats a command until it succeeds; gives up after $1 seconds, or if the daemon $2 has died.
await() {
  local deadline=$((SECONDS + $1)) name=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ] || ! is_ours "$(daemon_pid "$name")"; then
      tail -n 8 "$dir/$name.out" "$dir"/log/*.log >&2 || true
      fail "$name did not become ready: $*"
    fi
    sleep 0.05
  done
}

answers_http() { curl --silent --output /dev/null --max-time 2 "http://127.0.0.1:$s3_port/"; }

osd_is_up() { ceph -c "$conf" --connect-timeout 5 osd stat | grep -q '1 up'; }

write_conf() {
  cat >"$conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = v1:127.0.0.1:$mon_port
ms_bind_msgr2 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = $osd_port
ms_bind_port_max = $((osd_port + 9))
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = $dir/none
run_dir = $dir
crash_dir = $dir
admin_socket =
pid_file =
log_file = $dir/log/\$name.log
mon_cluster_log_file = /dev/null
mon_allow_pool_size_one = true
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
# An OSD that gets no CPU for longer than its read lease would never respond again.
osd_pool_default_read_lease_interval = 3600

[mon]
mon_data = $dir/mon
mon_data_avail_crit = 1
paxos_propose_interval = 0.02

[osd]
osd_data = $dir/osd
osd_objectstore = memstore
memstore_device_bytes = 8589934592

[client]
rgw_data = $dir
rgw_enable_apis = s3
rgw_run_sync_thread = false
rgw_thread_pool_size = 64
rgw_rados_pool_pg_num_min = 1
# Without tcp_nodelay each small response on a kept-alive connection waits for a delayed ACK.
rgw_frontends = beast endpoint=127.0.0.1:$s3_port tcp_nodelay=1
CONF
}

start_gateway() {
  (exec 3<>"/dev/tcp/127.0.0.1/$s3_port") 2>/dev/null && fail "port $s3_port is taken"
  launch gateway radosgw -c "$conf" -n client.rgw -f "$@"
  await 30 gateway answers_http
}

start_store() {
  local program uuid
  for program in ceph-mon ceph-osd radosgw radosgw-admin monmaptool curl; do
    command -v "$program" >/dev/null || fail "$program is not installed (packages radosgw ceph-mon ceph-osd curl)"
  done
  end_all
  rm -rf "$dir"; mkdir -p "$dir/mon" "$dir/osd" "$dir/log"
  trap '[ $? -eq 0 ] || end_all' EXIT

  s3_port=${S3_PORT:-$(pick_ports 1)}
  mon_port=${MON_PORT:-$(pick_ports 1)}
  osd_port=${OSD_PORT:-$(pick_ports 10)}
  access=${S3_ACCESS_KEY:-RGWTESTACCESSKEY0001}
  secret=${S3_SECRET_KEY:-a-secret-of-the-test-store/for+signing00}
  write_conf

  monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$conf")" \
    --addv a "[v1:127.0.0.1:$mon_port/0]" "$dir/monmap" >/dev/null
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" >"$dir/mon.out" 2>&1
  launch mon ceph-mon -c "$conf" -i a -f --public-addr "v1:127.0.0.1:$mon_port"

  uuid=$(cat /proc/sys/kernel/random/uuid)
  await 20 mon ceph -c "$conf" --connect-timeout 5 osd new "$uuid" 0
  # --no-mon-config: asking the monitor for configuration races with the OSD's own start and can end it.
  ceph-osd -c "$conf" --no-mon-config -i 0 --mkfs --osd-uuid "$uuid" >"$dir/osd.out" 2>&1
  launch osd ceph-osd -c "$conf" --no-mon-config -i 0 -f
  await 20 osd osd_is_up

  # Create the user before the gateway starts: both create the zone's pools and would race.
  timeout 30 radosgw-admin -c "$conf" user create --uid=tester --display-name=tester \
    --access-key="$access" --secret="$secret" >"$dir/user.out" 2>&1 || fail "$(tail -n 5 "$dir/user.out")"
  start_gateway
  cat >"$settings" <<ENV
AWS_ENDPOINT_URL=http://127.0.0.1:$s3_port
AWS_ACCESS_KEY_ID=$access
AWS_SECRET_ACCESS_KEY=$secret
AWS_REGION=us-east-1
ENV
}

case $command in
  start) start_store ;;
  stop) end_all ;;
  kill-gateway) end_daemon gateway ;;
  restart-gateway)
    [ -f "$settings" ] || fail "no store under $dir"
    s3_port=$(sed -n 's/^AWS_ENDPOINT_URL=.*://p' "$settings")
    end_daemon gateway
    start_gateway "$@" ;;
  env) cat "$settings" ;;
  *) usage ;;
esac
