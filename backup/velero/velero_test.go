package velero_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/velero"
)

// packed writes a tarball with the entries in order.
func packed(t *testing.T, entries ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range entries {
		text := h.PAXRecords["text"]
		h.PAXRecords = nil
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		h.Mode, h.Size = 0o644, int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, text string) *tar.Header {
	return &tar.Header{Name: name, PAXRecords: map[string]string{"text": text}}
}

func manifest(api, kind, ns, name string) string {
	meta := map[string]any{"name": name}
	if ns != "" {
		meta["namespace"] = ns
	}
	text, err := json.Marshal(map[string]any{"apiVersion": api, "kind": kind, "metadata": meta})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestATarballOfVeleroHasEveryObjectOnce(t *testing.T) {
	pod := manifest("v1", "ConfigMap", "shop", "prices")
	text := packed(t,
		file("metadata/version", "1.1.0\n"),
		&tar.Header{Name: "resources/configmaps/", Typeflag: tar.TypeDir},
		file("resources/configmaps/namespaces/shop/prices.json", pod),
		file("resources/configmaps/v1-preferredversion/namespaces/shop/prices.json", pod),
		file("resources/namespaces/cluster/shop.json", manifest("v1", "Namespace", "", "shop")),
		file("resources/offers.shop.example/namespaces/shop/tea.json", manifest("shop.example/v1", "Offer", "shop", "tea")),
		file("resources/offers.shop.example/v1-preferredversion/namespaces/shop/tea.json", manifest("shop.example/v1", "Offer", "shop", "tea")),
	)
	got := map[string]kubernetes.Kind{}
	if err := velero.Tarball(t.Context(), bytes.NewReader(text), func(k kubernetes.Kind, o *unstructured.Unstructured) error {
		name := k.Name() + " " + o.GetNamespace() + "/" + o.GetName()
		if _, twice := got[name]; twice {
			t.Errorf("%s comes twice", name)
		}
		got[name] = k
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"configmaps shop/prices", "namespaces /shop", "offers.shop.example shop/tea"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if k := got["offers.shop.example shop/tea"]; k.Kind != "Offer" || k.Version != "v1" || !k.Namespaced {
		t.Errorf("the kind of the custom resource is %+v", k)
	}
}

func TestHostileTarballsAreRefused(t *testing.T) {
	bomb := packed(t, file("resources/configmaps/namespaces/shop/prices.json", strings.Repeat(" ", 32<<20)))
	var many []*tar.Header
	for i := range 40 {
		many = append(many, file(fmt.Sprintf("metadata/%d", i), strings.Repeat("\x00", 10<<20)))
	}
	whole := packed(t, file("resources/configmaps/namespaces/shop/prices.json", manifest("v1", "ConfigMap", "shop", "prices")))
	for _, c := range []struct {
		name, want string
		text       []byte
	}{
		{"a name that leads out of it", "leads elsewhere", packed(t, file("resources/configmaps/namespaces/../../../../etc/cron.d/x.json", "{}"))},
		{"an absolute name", "leads elsewhere", packed(t, file("/etc/passwd", "x"))},
		{"a link", "neither a file nor a folder", packed(t, &tar.Header{Name: "resources/configmaps/cluster/x.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"})},
		{"a hard link", "neither a file nor a folder", packed(t, &tar.Header{Name: "resources/configmaps/cluster/x.json", Typeflag: tar.TypeLink, Linkname: "resources/a"})},
		{"a device", "neither a file nor a folder", packed(t, &tar.Header{Name: "dev/null", Typeflag: tar.TypeChar})},
		{"an object that is too large", "more than any object", bomb},
		{"what unpacks to far more than it is", "manifests do not", packed(t, many...)},
		{"a role that says it is a config map", "of another object", packed(t, file("resources/configmaps/namespaces/shop/prices.json", manifest("rbac.authorization.k8s.io/v1", "RoleBinding", "shop", "prices")))},
		{"a secret that says it is a config map", "does not belong there", packed(t, file("resources/configmaps/namespaces/shop/prices.json", manifest("v1", "Secret", "shop", "prices")))},
		{"an object of another namespace", "of another object", packed(t, file("resources/configmaps/namespaces/shop/prices.json", manifest("v1", "ConfigMap", "bank", "prices")))},
		{"a namespaced object as one of the cluster", "of another object", packed(t, file("resources/configmaps/cluster/prices.json", manifest("v1", "ConfigMap", "shop", "prices")))},
		{"text that is no object", "prices.json", packed(t, file("resources/configmaps/namespaces/shop/prices.json", "{"))},
		{"one that is cut off", "EOF", whole[:len(whole)-9]},
		{"one with a changed sum", "checksum", append(slices.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8)},
		{"one that is not packed", "not a tarball", []byte("hello, this is text")},
		{"an empty one", "empty", packed(t)},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := velero.Tarball(t.Context(), bytes.NewReader(c.text), func(kubernetes.Kind, *unstructured.Unstructured) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestEverySortOfVolumeThatIsNotReadIsNamed(t *testing.T) {
	zip := func(v any) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := json.NewEncoder(z).Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	write := func(dir, name string, text []byte) {
		t.Helper()
		path := filepath.Join(dir, "backups", "nightly", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	about := []byte(`{"apiVersion":"velero.io/v1","kind":"Backup","metadata":{"name":"nightly"},"status":{"phase":"PartiallyFailed","errors":2,"startTimestamp":"2026-03-01T02:00:00Z"}}`)
	type m = map[string]any
	for _, c := range []struct {
		name  string
		files map[string]any
		want  []string
	}{
		{"lists of each sort", map[string]any{
			"nightly-podvolumebackups.json.gz":    []m{{"spec": m{"pod": m{"namespace": "shop", "name": "till-0"}, "volume": "data", "uploaderType": "kopia"}}},
			"nightly-volumesnapshots.json.gz":     []m{{"spec": m{"persistentVolumeName": "pv-7", "location": "default"}, "status": m{"providerSnapshotID": "snap-0a1"}}},
			"nightly-csi-volumesnapshots.json.gz": []m{{"metadata": m{"name": "velero-ledger-x", "namespace": "shop"}, "spec": m{"source": m{"persistentVolumeClaimName": "ledger"}}}},
		}, []string{"volume data of pod shop/till-0: its files are in Velero's repository (kopia)", "volume pv-7: it is snapshot snap-0a1 of the provider, at default", "volume shop/ledger: it is VolumeSnapshot velero-ledger-x of the cluster"}},
		{"the one list of newer ones", map[string]any{"nightly-volumeinfo.json.gz": []m{
			{"pvcName": "data", "pvcNamespace": "shop", "backupMethod": "PodVolumeBackup", "pvbInfo": m{"uploaderType": "restic"}},
			{"pvcName": "ledger", "pvcNamespace": "shop", "backupMethod": "CSISnapshot", "snapshotDataMoved": true},
			{"pvcName": "cache", "pvcNamespace": "shop", "skipped": true},
			{"pvcName": "log", "pvcNamespace": "shop", "backupMethod": "CSISnapshot", "csiSnapshotInfo": m{"snapshotHandle": "h-1", "driver": "csi.example"}},
		}}, []string{"volume shop/data: its files are in Velero's repository (restic)", "volume shop/ledger: its data was moved to Velero's repository (kopia)", "volume shop/log: it is snapshot h-1 of driver csi.example"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(dir, "velero-backup.json", about)
			for name, v := range c.files {
				write(dir, name, zip(v))
			}
			s := velero.Store{Storage: storage.NewFolder(dir)}
			b, err := s.Backup(t.Context(), "nightly")
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Problems(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			want := append([]string{"Velero ended this backup as PartiallyFailed, with 2 errors"}, c.want...)
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestANameOfABackupThatLeadsElsewhereIsRefused(t *testing.T) {
	s := velero.Store{Storage: storage.NewFolder(t.TempDir())}
	for _, name := range []string{"../../etc", "a/b", "", "Nightly", "."} {
		if _, err := s.Backup(t.Context(), name); err == nil || !strings.Contains(err.Error(), "no name of a backup") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
