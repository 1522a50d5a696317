#!/usr/bin/env bash
# Disposable SSH test hosts for the drift benchmarks and conformance runs.
#
# Every host is a real sshd with its own root file system (an overlay over this
# machine's root, writes kept in a tmpfs), its own mount, PID, UTS and IPC
# namespace, and its own loopback address. All hosts and the controller live in
# one private network namespace whose only interface is lo, so the traffic
# cannot leave it and nothing outside can connect in.
#
#   hosts.sh up N             make hosts 1..N (adds to those already up)
#   hosts.sh inventory N      print an INI inventory of the first N hosts
#   hosts.sh run -- CMD...    run CMD inside the network namespace
#   hosts.sh exec I CMD...    run CMD inside host I without ssh (root file system only)
#   hosts.sh reset            throw away everything the hosts wrote; sshd restarts
#   hosts.sh status | down    what is up | stop all, unmount, remove
#
# Needs root, overlayfs, tmpfs, and the packages openssh-server, openssh-client,
# python3, sudo, iproute2, util-linux. Settings, all by environment:
set -euo pipefail

LAB_DIR=${LAB_DIR:-/run/gsbench}      # state, tmpfs mount point, keys
LAB_NETNS=${LAB_NETNS:-gsbench}       # name of the network namespace
LAB_NET=${LAB_NET:-127.77}             # first two octets of host addresses
LAB_PORT=${LAB_PORT:-22}               # sshd port inside the namespace
LAB_TMPFS=${LAB_TMPFS:-6g}             # upper bound on what all hosts may write
LAB_MAX=${LAB_MAX:-500}                # refuse more hosts than this
LAB_USER=${LAB_USER:-lab}              # unprivileged login user with sudo

die() { echo "hosts.sh: $*" >&2; exit 1; }
addr() { echo "$LAB_NET.$(( ($1 - 1) / 250 + 1 )).$(( ($1 - 1) % 250 + 1 ))"; }
name() { printf 'drift%03d' "$1"; }
hdir() { echo "$LAB_DIR/h/$(name "$1")"; }
cgroot() { [ -d /sys/fs/cgroup/cpuacct ] && echo "/sys/fs/cgroup/cpuacct/$LAB_NETNS-hosts"; }

ensure_base() {
  [ "$(id -u)" = 0 ] || die "must be root"
  if ! mountpoint -q "$LAB_DIR" 2>/dev/null; then
    mkdir -p "$LAB_DIR"
    mount -t tmpfs -o "size=$LAB_TMPFS,mode=0755" driftlab "$LAB_DIR"
    mkdir -p "$LAB_DIR/h"
    ssh-keygen -q -t ed25519 -N '' -f "$LAB_DIR/hostkey"
    ssh-keygen -q -t ed25519 -N '' -C driftlab -f "$LAB_DIR/id"
    write_sshd_config
  fi
  if ! ip netns list | grep -qw "$LAB_NETNS"; then
    ip netns add "$LAB_NETNS"
    ip netns exec "$LAB_NETNS" ip link set lo up
  fi
  local cg; cg=$(cgroot) && mkdir -p "$cg" || true
}

write_sshd_config() {
  cat > "$LAB_DIR/sshd_config" <<CONF
HostKey /etc/driftlab/hostkey
AuthorizedKeysFile /etc/driftlab/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile none
MaxStartups 1000:30:2000
MaxSessions 200
Subsystem sftp internal-sftp
CONF
}

# Runs as PID 1 of a host's PID namespace, inside its mount namespace.
host_init() {
  local i=$1 d; d=$(hdir "$i")
  mount --make-rprivate /
  mount -t overlay "drift$i" -o "lowerdir=/,upperdir=$d/up,workdir=$d/work" "$d/root"
  local r=$d/root
  mount -t proc proc "$r/proc"
  mount -t tmpfs -o mode=0755 run "$r/run"
  mount -t tmpfs -o mode=1777 tmp "$r/tmp"
  mount -t tmpfs -o mode=0755,size=1m dev "$r/dev"
  local n; for n in null zero full random urandom tty; do
    touch "$r/dev/$n"; mount --bind "/dev/$n" "$r/dev/$n"
  done
  mkdir "$r/dev/pts" "$r/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$r/dev/pts"
  ln -s pts/ptmx "$r/dev/ptmx"; ln -s /proc/self/fd "$r/dev/fd"
  mount -t tmpfs -o mode=1777 shm "$r/dev/shm"
  mount -t sysfs -o ro sysfs "$r/sys" 2>/dev/null || mount --rbind /sys "$r/sys"
  hostname "$(name "$i")"
  mkdir -p "$r/etc/driftlab" "$r/run/sshd" "$r/run/lock"
  cp "$LAB_DIR/hostkey" "$LAB_DIR/sshd_config" "$r/etc/driftlab/"
  cp "$LAB_DIR/id.pub" "$r/etc/driftlab/authorized_keys"
  chmod 600 "$r/etc/driftlab/hostkey"; chmod 644 "$r/etc/driftlab/authorized_keys"
  echo "$(name "$i")" > "$r/etc/hostname"
  rm -f "$r/root/.bashrc" "$r/root/.profile"
  chroot "$r" sh -c "id -u $LAB_USER >/dev/null 2>&1 || useradd -m -s /bin/bash -p '*' $LAB_USER"
  echo "$LAB_USER ALL=(ALL) NOPASSWD: ALL" > "$r/etc/sudoers.d/driftlab"
  chmod 440 "$r/etc/sudoers.d/driftlab"
  # Capabilities that could reach past the namespaces are dropped for good.
  exec setpriv --bounding-set -sys_module,-sys_boot,-sys_time,-sys_rawio,-mknod,-syslog,-wake_alarm \
    chroot "$r" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/sbin/sshd -D -e -f /etc/driftlab/sshd_config \
    -o "ListenAddress=$(addr "$i"):$LAB_PORT" 2> "$d/sshd.log"
}

start_host() {
  local i=$1 d; d=$(hdir "$i")
  mkdir -p "$d/up" "$d/work" "$d/root"
  local cg; cg=$(cgroot || true)
  (
    [ -n "$cg" ] && echo "$BASHPID" > "$cg/cgroup.procs"
    exec setsid ip netns exec "$LAB_NETNS" \
      unshare --mount --pid --uts --ipc --fork --kill-child \
      "$SELF" __init "$i" </dev/null >"$d/init.log" 2>&1
  ) &
  echo $! > "$d/pid"
}

stop_host() {
  local d; d=$(hdir "$1")
  [ -f "$d/pid" ] || return 0
  kill -KILL "$(cat "$d/pid")" 2>/dev/null || true   # --kill-child ends the namespace
  rm -f "$d/pid"
}

wait_host() {
  local i=$1 a t=0; a=$(addr "$i")
  until ip netns exec "$LAB_NETNS" bash -c "exec 3<>/dev/tcp/$a/$LAB_PORT" 2>/dev/null; do
    t=$((t + 1)); [ $t -lt 100 ] || { cat "$(hdir "$i")"/*.log >&2; die "$(name "$i") did not come up"; }
    sleep 0.1
  done
}

each_host() { local f; for f in "$LAB_DIR"/h/drift*; do [ -d "$f" ] && echo $((10#${f##*drift})); done; }

cmd_up() {
  local n=${1:?how many hosts} i
  [ "$n" -le "$LAB_MAX" ] || die "more than LAB_MAX=$LAB_MAX hosts"
  ensure_base
  for i in $(seq 1 "$n"); do [ -f "$(hdir "$i")/pid" ] || start_host "$i"; done
  for i in $(seq 1 "$n"); do wait_host "$i"; done
  echo "hosts.sh: $n hosts up" >&2
}

cmd_inventory() {
  local n=${1:?how many hosts} i
  echo "[fleet]"
  for i in $(seq 1 "$n"); do echo "$(name "$i") ansible_host=$(addr "$i") rack=r$(( (i - 1) / 20 + 1 ))"; done
  cat <<INV

[web]
$(for i in $(seq 1 2 "$n"); do name "$i"; echo; done)

[db]
$(for i in $(seq 2 2 "$n"); do name "$i"; echo; done)

[fleet:vars]
ansible_port=$LAB_PORT
ansible_user=${LAB_LOGIN:-root}
ansible_ssh_private_key_file=$LAB_DIR/id
ansible_ssh_common_args=-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
ansible_python_interpreter=/usr/bin/python3
INV
}

cmd_down() {
  local i
  for i in $(each_host); do stop_host "$i"; done
  sleep 0.5
  if mountpoint -q "$LAB_DIR" 2>/dev/null; then umount "$LAB_DIR" || umount -l "$LAB_DIR"; fi
  rmdir "$LAB_DIR" 2>/dev/null || true
  ip netns list | grep -qw "$LAB_NETNS" && ip netns del "$LAB_NETNS"
  local cg; cg=$(cgroot || true); [ -n "$cg" ] && rmdir "$cg" 2>/dev/null || true
}

cmd_reset() {
  local list i; list=$(each_host)
  for i in $list; do stop_host "$i"; done
  sleep 0.5
  for i in $list; do rm -rf "$(hdir "$i")"; done
  for i in $list; do start_host "$i"; done
  for i in $list; do wait_host "$i"; done
}

cmd_exec() {
  local i=$1 p; shift
  p=$(pgrep -P "$(cat "$(hdir "$i")/pid")" | head -1)
  nsenter -t "$p" -m -p -u -i -n -r -w "$@"
}

SELF=$(readlink -f "$0")
case ${1:-} in
  up) cmd_up "${2:-}" ;;
  inventory) cmd_inventory "${2:-}" ;;
  run) shift; [ "${1:-}" = -- ] && shift; exec ip netns exec "$LAB_NETNS" "$@" ;;
  exec) shift; cmd_exec "$@" ;;
  reset) cmd_reset ;;
  status) echo "$(each_host | wc -l) hosts; $(df -h --output=used "$LAB_DIR" | tail -1) written" ;;
  down) cmd_down ;;
  __init) host_init "$2" ;;
  *) sed -n '2,19p' "$0"; exit 2 ;;
esac
