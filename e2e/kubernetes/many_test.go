package kubernetes

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/core/kube"
)

// fill makes ConfigMaps in a namespace: many small ones, some as large as etcd takes, and one whose name is as long as may be.
func fill(t *testing.T, k *kube.Cluster, ns string, many int) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	to := k.Objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	put := func(name, text string) {
		group.Go(func() error {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name}, "data": map[string]any{"text": text}}}
			_, err := to.Create(ctx, o, metav1.CreateOptions{})
			return err
		})
	}
	for i := range many {
		put(fmt.Sprintf("small-%d", i), fmt.Sprintf("the value of %d", i))
	}
	for i := range 20 {
		put(fmt.Sprintf("large-%d", i), strings.Repeat(fmt.Sprintf("line %d\n", i), 1_000_000/8))
	}
	put(strings.Repeat("n", 253), "with a long name")
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// texts has what ConfigMaps say, by name.
func texts(t *testing.T, repo *repository.Repository, snap repository.Snapshot) map[string]string {
	t.Helper()
	_, entries, err := kubernetes.Read(t.Context(), repo, snap)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.Kind != "configmaps" || e.Name == "kube-root-ca.crt" {
			continue
		}
		o, err := e.Manifest(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name], _, _ = unstructured.NestedString(o.Object, "data", "text")
	}
	return all
}

func TestTenThousandObjectsAndLargeOnesComeBackInLittleMemory(t *testing.T) {
	const many, room = 10_000, 256 << 20
	c := start(t, "api")
	k := c.connect()
	c.kubectl("create", "namespace", "many")
	fill(t, k, "many", many)
	repo := scratchRepository(t)

	runtime.GC()
	var most uint64
	look := func(string) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
	}
	began := time.Now()
	got, err := kubernetes.Copy(t.Context(), k, repo, kubernetes.Filter{Namespaces: []string{"many"}}, look)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects, %d MB copied in %s", got.Objects, got.Bytes>>20, time.Since(began).Round(time.Millisecond))
	if got.Objects < many+21 || len(got.Problems) > 0 {
		t.Fatalf("%d objects copied, problems %v", got.Objects, got.Problems)
	}
	snap := repository.Snapshot{Time: time.Now(), Tree: got.Tree, Paths: []string{"/"}}
	if snap.ID, err = repo.SaveSnapshot(t.Context(), snap); err != nil {
		t.Fatal(err)
	}
	before := texts(t, repo, snap)

	began = time.Now()
	back, err := kubernetes.Restore(t.Context(), k, repo, snap, kubernetes.Options{Mapping: kubernetes.Mapping{Namespaces: map[string]string{"many": "again"}}, Say: look})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects restored in %s; at most %d MB of heap in use", back.Count(kubernetes.Created), time.Since(began).Round(time.Millisecond), most>>20)
	if p := back.Problems(); len(p) > 0 {
		t.Fatalf("problems: %v", p)
	}
	if most > room {
		t.Errorf("%d MB of heap in use, want at most %d", most>>20, room>>20)
	}
	_, snap = copied(t, k, repo, kubernetes.Filter{Namespaces: []string{"again"}})
	if after := texts(t, repo, snap); !maps.Equal(before, after) {
		t.Errorf("%d objects were there, %d are back, and they differ", len(before), len(after))
	}
}

func TestARestoreThatIsCutOffIsGoneOnWith(t *testing.T) {
	c := start(t, "api")
	k := c.connect()
	c.kubectl("create", "namespace", "many")
	fill(t, k, "many", 300)
	repo := scratchRepository(t)
	_, snap := copied(t, k, repo, kubernetes.Filter{Namespaces: []string{"many"}})
	before := texts(t, repo, snap)
	c.kubectl("delete", "namespace", "many", "--timeout=120s")

	ctx, cut := context.WithCancel(t.Context())
	var begun atomic.Int32
	opt := kubernetes.Options{Conflict: kubernetes.Fail, Say: func(string) {}, Adapt: func(kind string, _ *unstructured.Unstructured) string {
		if kind == "configmaps" && begun.Add(1) == 500 { // the first look at what is in the way has the first 321 of them
			cut()
		}
		return ""
	}}
	if _, err := kubernetes.Restore(ctx, k, repo, snap, opt); err == nil {
		t.Fatal("the restore that was cut off ended well")
	}
	opt.Adapt = nil
	back, err := kubernetes.Restore(t.Context(), k, repo, snap, opt)
	if err != nil {
		t.Fatal(err)
	}
	if p := back.Problems(); len(p) > 0 {
		t.Errorf("problems: %v", p)
	}
	_, snap = copied(t, k, repo, kubernetes.Filter{Namespaces: []string{"many"}})
	if after := texts(t, repo, snap); !maps.Equal(before, after) {
		t.Errorf("want %d objects, have %v", len(before), slices.Sorted(maps.Keys(after)))
	}
}
