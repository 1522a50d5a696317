# A host of the demo: outside makes its namespaces, inside its root, which is this machine's with what is written kept apart, and its sshd.
set -eu
what=$1 dir=$2 name=$3 address=$4 port=$5 let=$6
if [ "$what" = outside ]; then
	shift
	exec unshare --mount --pid --uts --ipc --fork --kill-child /bin/sh "$0" inside "$@"
fi
root=$dir/root
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
mount -t sysfs -o ro sysfs "$root/sys"
hostname "$name"
mkdir -p "$root/etc/demo" "$root/run/sshd" "$root/run/lock"
rm -f "$root/root/.bashrc" "$root/root/.profile"
cp "$dir/hostkey" "$root/etc/demo/hostkey"
cp "$let" "$root/etc/demo/let"
chmod 600 "$root/etc/demo/hostkey"
cat >"$root/etc/demo/sshd_config" <<CONF
ListenAddress $address:$port
HostKey /etc/demo/hostkey
AuthorizedKeysFile /etc/demo/let
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
CONF
exec setpriv --bounding-set -sys_module,-sys_boot,-sys_time,-sys_rawio,-mknod,-syslog,-wake_alarm \
	chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -e -f /etc/demo/sshd_config
