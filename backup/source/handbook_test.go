package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each source that is not restored in place says so in order: what has to stop before, and what has to be started after.
func TestHandbooksSayWhatToDoInItsOrder(t *testing.T) {
	etcd := build(t, "etcd", map[string]any{"endpoints": []string{"https://127.0.0.1:2379"}, "bump_revision": 5, "member": map[string]any{"name": "it's me", "peer": "https://10.0.0.1:2380"}})
	server := build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}})
	cluster := build(t, "kubernetes", map[string]any{"kubeconfig": "backup.kubeconfig"})
	for _, c := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"etcd", etcd.(Handbook).Recovery("plane"), []string{"every member", "mv /etc/kubernetes/manifests", `mv "$DATA" "$DATA.before"`, `goodstate backup restore plane --to "$DATA"`, "etcd.yaml", "Restart the scheduler and the controller manager"}},
		{"etcd by restic", etcd.(Handbook).ByRestic("restic -r copies", " latest"), []string{"every member", "restic -r copies dump latest /etcd.snapshot > etcd.snapshot", `snapshot restore etcd.snapshot --data-dir="$DATA" '--name=it'\''s me'`, "--bump-revision=5 --mark-compacted", "rm etcd.snapshot", "Restart the scheduler"}},
		{"postgres_server", server.(Handbook).Recovery("orders"), []string{"DATA=", `goodstate backup restore orders --to "$DATA"`, `--until "$MOMENT" --to "$DATA"`, "pg_ctl"}},
		{"postgres_server by restic", server.(Handbook).ByRestic("restic -r copies", " latest"), []string{"restic -r copies restore latest", "tar -xf", ".partial", "recovery.signal", "pg_ctl", "restore_command=false"}},
		{"kubernetes", cluster.(Handbook).Recovery("shop"), []string{"restore shop --in-place --plan", "restore shop --in-place", `restore shop --cluster "$CLUSTER"`}},
		{"kubernetes by restic", cluster.(Handbook).ByRestic("restic -r copies", " latest"), []string{"umask 077", "restic -r copies restore latest", "find recovered"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var text strings.Builder
			for _, s := range c.steps {
				text.WriteString(s.What + ":\n" + s.Lines + "\n")
			}
			rest := text.String()
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is not there after what comes before it, in:\n%s", want, text.String())
				}
				rest = after
			}
		})
	}
}

// Every step is a command line that a shell can read, also with names that need quotes.
func TestHandbooksAreShell(t *testing.T) {
	for kind, settings := range map[string]map[string]any{
		"bucket":          {"endpoint": "https://s3.example.com", "bucket": "it's", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"}},
		"etcd":            {"endpoints": []string{"https://127.0.0.1:2379"}, "member": map[string]any{"name": "it's", "peer": "https://10.0.0.1:2380"}},
		"postgres_server": {"url": map[string]any{"secret": "db"}},
		"kubernetes":      {"kubeconfig": "backup.kubeconfig"},
	} {
		h := build(t, kind, settings).(Handbook)
		for _, s := range append(h.Recovery("shop"), h.ByRestic("restic", " latest")...) {
			if out, err := exec.Command("sh", "-n", "-c", s.Lines).CombinedOutput(); err != nil {
				t.Errorf("%s: %s\n%s", kind, s.Lines, out)
			}
		}
	}
}

// The data directory is put together by the lines of the handbook: a whole segment wins over the part of it, and a part gets the name of the whole.
func TestTheLinesOfTheHandbookMakeADataDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("base/PG_VERSION", "17")
	write("base/pg_wal/empty", "")
	const first, second, last = "000000010000000000000001", "000000010000000000000002", "000000010000000000000003"
	write("taken/"+first, "first")
	write("taken/"+second, "whole")
	write("taken/"+second+".partial", "part")
	write("taken/"+last+".partial", "last")
	h := build(t, "postgres_server", map[string]any{"url": map[string]any{"secret": "db"}}).(Handbook)
	lines := strings.Replace(h.ByRestic("restic", " latest")[1].Lines, "/srv/recovered", filepath.Join(dir, "made"), 1)
	cmd := exec.Command("sh", "-euc", "tar -cf taken/base.tar -C base .\n"+lines)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{"PG_VERSION": "17", "pg_wal/" + first: "first", "pg_wal/" + second: "whole", "pg_wal/" + last: "last", "recovery.signal": ""} {
		if got, err := os.ReadFile(filepath.Join(dir, "made", name)); err != nil || string(got) != want {
			t.Errorf("%s has %q (%v), want %q", name, got, err, want)
		}
	}
}
