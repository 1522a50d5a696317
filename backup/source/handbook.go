package source

import "fmt"

// Step is a thing to do in a recovery: what it is for, and its lines for a shell.
type Step struct {
	What, Lines string
	Restores    bool // what takes the time that a drill measures
}

// Handbook is a source that knows how it is brought back, where that is more than a restore in place.
type Handbook interface {
	// Recovery are the steps by goodstate for an application.
	Recovery(application string) []Step
	// ByRestic are the steps by restic and the source's own tools: restic is the program with the options that open the repository, and point chooses the
	// youngest restore point. Both are written for a shell.
	ByRestic(restic, point string) []Step
}

// Recovery recovers into a new data directory.
func (s *serverSource) Recovery(application string) []Step {
	return []Step{
		{What: "Choose the new data directory, an empty or a new folder", Lines: "DATA=/srv/recovered"},
		{What: "Recover all that was copied into it", Lines: "goodstate backup restore " + application + ` --to "$DATA"`, Restores: true},
		{What: "Or up to a moment, the second before the damage (a time with its zone, a place in the log, or the name of a restore point)", Lines: "MOMENT=2026-05-04T12:29:59Z\ngoodstate backup restore " + application + ` --until "$MOMENT" --to "$DATA"`},
		{What: "Start a server of the same major version on it, as the account that owns it (the old server's configuration is in the folder, if it was in its data directory)", Lines: `pg_ctl -D "$DATA" -l "$DATA/server.log" -w start`},
	}
}

// ByRestic unpacks the base copy and has PostgreSQL replay the log, as in "Recovering Using a Continuous Archive Backup" of its documentation.
func (s *serverSource) ByRestic(restic, point string) []Step {
	return []Step{
		{What: "Take the base copy and the log out, as the account that shall run the server", Lines: "umask 077\n" + restic + " restore" + point + " --target taken"},
		{What: "Make a data directory of them; the last segment of the log may be a part of one", Lines: `DATA=/srv/recovered
mkdir -p "$DATA" && tar -xf taken/base.tar -C "$DATA"
for f in taken/*.partial; do if [ -e "$f" ]; then cp "$f" "$DATA/pg_wal/$(basename "$f" .partial)"; fi; done
for f in taken/????????????????????????; do if [ -e "$f" ]; then cp "$f" "$DATA/pg_wal/"; fi; done
touch "$DATA/recovery.signal"`},
		{What: "Start a server of the same major version on it. For a moment before the damage add -c recovery_target_time='2026-05-04 12:29:59+00' -c recovery_target_action=promote to what is after -o", Lines: `pg_ctl -D "$DATA" -l "$DATA/server.log" -w -t 86400 -o "-c restore_command=false -c hot_standby=off -c archive_mode=off" start`},
	}
}

const (
	etcdStop  = "Stop the API server, the controller manager, the scheduler and every member of etcd; with kubeadm, on each control plane"
	etcdStart = "Give the folder to etcd's account and start etcd, then the API server. Other members join it with empty data"
	etcdAgain = "Restart the scheduler and the controller manager: they watch by revisions that are no more"
	kubeadm   = "/etc/kubernetes/manifests"
)

func etcdAround(restore ...Step) []Step {
	stop := Step{What: etcdStop, Lines: "mkdir -p /etc/kubernetes/stopped\nmv " + kubeadm + "/*.yaml /etc/kubernetes/stopped/"}
	aside := Step{What: "Put the old data folder aside", Lines: "DATA=/var/lib/etcd\n" + `if [ -e "$DATA" ]; then mv "$DATA" "$DATA.before"; fi`}
	start := Step{What: etcdStart, Lines: "mv /etc/kubernetes/stopped/etcd.yaml /etc/kubernetes/stopped/kube-apiserver.yaml " + kubeadm + "/"}
	again := Step{What: etcdAgain, Lines: "mv /etc/kubernetes/stopped/*.yaml " + kubeadm + "/"}
	return append(append([]Step{stop, aside}, restore...), start, again)
}

// Recovery makes one member anew while the control plane stands still.
func (s *etcdSource) Recovery(application string) []Step {
	return etcdAround(Step{What: "Make the data folder of the member that the configuration names", Lines: "goodstate backup restore " + application + ` --to "$DATA"`, Restores: true})
}

// ByRestic has etcd's own program read the snapshot.
func (s *etcdSource) ByRestic(restic, point string) []Step {
	line := "etcdutl"
	for _, a := range s.Member.restore(etcdFile, "DATA") {
		if a == "--data-dir=DATA" {
			line += ` --data-dir="$DATA"`
			continue
		}
		line += " " + ShellQuoted(a)
	}
	if s.Bump > 0 {
		line += fmt.Sprintf(" --bump-revision=%d --mark-compacted", s.Bump)
	}
	return etcdAround(
		Step{What: "Take the snapshot out; it has all Secrets in clear text", Lines: "umask 077\n" + restic + " dump" + point + " /" + etcdFile + " > " + etcdFile},
		Step{What: "Make a data folder of it, and remove the snapshot", Lines: line + "\nrm " + etcdFile},
	)
}

// Recovery restores into the same cluster or another.
func (s *kubernetesSource) Recovery(application string) []Step {
	restore := "goodstate backup restore " + application
	return []Step{
		{What: "See what would become of which object; nothing is changed", Lines: restore + " --in-place --plan"},
		{What: "Bring the objects back into the cluster. Where some are there and different, nothing is done unless --existing says skip or update", Lines: restore + " --in-place", Restores: true},
		{What: "Or into another cluster, whose kubeconfig is in a secret of the configuration", Lines: "CLUSTER=name-of-the-secret\n" + restore + ` --cluster "$CLUSTER" --plan` + "\n" + restore + ` --cluster "$CLUSTER"`},
	}
}

// ByRestic takes the manifests out.
func (s *kubernetesSource) ByRestic(restic, point string) []Step {
	return []Step{
		{What: "Take the manifests out, as JSON: cluster/KIND/NAME and namespaces/NAMESPACE/KIND/NAME. They have all Secrets in clear text", Lines: "umask 077\n" + restic + " restore" + point + " --target recovered"},
		{What: "See what there is. Bring back definitions and namespaces first, then storage, accounts, configuration and workloads, each without its uid, resourceVersion and status", Lines: "find recovered -type f | sort"},
	}
}
