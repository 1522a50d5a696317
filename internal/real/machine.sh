# One machine for tests: outside makes its namespaces, inside its root and first process, after removes what is left of it.
set -eu
what=$1 dir=$2
groups() { # the control groups that a systemd needs, of either version
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		echo /sys/fs/cgroup
		return
	fi
	for one in systemd memory; do
		[ ! -d "/sys/fs/cgroup/$one" ] || echo "/sys/fs/cgroup/$one"
	done
}
case $what in
outside)
	for g in $(groups); do
		mkdir -p "$g/$(basename "$(dirname "$dir")")-$(basename "$dir")"
		echo $$ >"$g/$(basename "$(dirname "$dir")")-$(basename "$dir")/cgroup.procs"
	done
	shift
	exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child /bin/bash "$0" inside "$@"
	;;
after)
	for g in $(groups); do
		g=$g/$(basename "$(dirname "$dir")")-$(basename "$dir")
		[ -d "$g" ] || continue
		for try in $(seq 100); do
			find "$g" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			[ -d "$g" ] || break
			sleep 0.1
		done
	done
	exit 0
	;;
esac
name=$3 address=$4 port=$5 let=$6 first=$7
root=$dir/root
mkdir -p "$dir/up" "$dir/work" "$root"
mount --make-rprivate /
mount -t overlay "$name" -o "lowerdir=/,upperdir=$dir/up,workdir=$dir/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=0755,size=1m dev "$root/dev"
for n in null zero full random urandom tty; do
	touch "$root/dev/$n"
	mount --bind "/dev/$n" "$root/dev/$n"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t sysfs -o ro sysfs "$root/sys"
hostname "$name"
mkdir -p "$root/etc/lab" "$root/run/sshd" "$root/run/lock"
rm -f "$root/root/.bashrc" "$root/root/.profile" # whatever this account does when it logs in takes time
cp "$dir/hostkey" "$root/etc/lab/hostkey"
cp "$let" "$root/etc/lab/let"
chmod 600 "$root/etc/lab/hostkey"
chmod 644 "$root/etc/lab/let"
cat >"$root/etc/lab/sshd_config" <<CONF
ListenAddress $address:$port
HostKey /etc/lab/hostkey
AuthorizedKeysFile /etc/lab/let
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 200
CONF
chroot "$root" sh -c 'id -u ops >/dev/null 2>&1 || useradd -m -s /bin/sh -p "*" ops'
echo "Defaults !fqdn" >"$root/etc/sudoers.d/lab"
[ -e "$root/etc/sudoers.d/ops" ] || echo "ops ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/ops"
drop="-sys_module,-sys_boot,-sys_time,-sys_rawio,-syslog,-wake_alarm"
path=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "$first" = sshd ]; then
	exec setpriv --bounding-set "$drop,-mknod" chroot "$root" /usr/bin/env -i "$path" /usr/sbin/sshd -D -e -f /etc/lab/sshd_config
fi
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
	mount -t tmpfs -o mode=755 groups "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/memory"
	mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
	mount -t cgroup -o memory cgroup "$root/sys/fs/cgroup/memory"
fi
# Of this machine's own services none starts; ours is sshd.
units=$root/etc/systemd/system
[ -e "$units/lab.service" ] || find "$units" -mindepth 1 -delete
mkdir -p "$units/basic.target.wants"
cat >"$units/lab.service" <<UNIT
[Unit]
DefaultDependencies=no
[Service]
ExecStartPre=/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /etc/lab/sshd_config
KillMode=process
UNIT
ln -sf ../lab.service "$units/basic.target.wants/lab.service"
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
: >"$root/etc/fstab"
[ -s "$root/etc/lab/machine-id" ] || tr -dc 0-9a-f </dev/urandom | head -c 32 >"$root/etc/lab/machine-id"
cp "$root/etc/lab/machine-id" "$root/etc/machine-id"
exec setpriv --bounding-set "$drop" chroot "$root" /usr/bin/env -i "$path" container=lab /lib/systemd/systemd --log-target=console --show-status=0
