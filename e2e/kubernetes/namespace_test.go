package kubernetes

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/kube"
)

//go:embed testdata/shop.yaml
var shop string

const offers = `
apiVersion: shop.example/v1
kind: Offer
metadata: {name: season, namespace: shop}
spec: {price: 900719925474099267, text: all that there is}
---
apiVersion: shop.example/v1
kind: Offer
metadata: {name: tea, namespace: shop, finalizers: [shop.example/tell]}
spec: {price: 3}
`

// open makes a shop that runs, with an offer that is owned by another.
func open(c *cluster) {
	c.t.Helper()
	parts := strings.SplitAfterN(shop, "kind: ValidatingWebhookConfiguration", 2)
	at := strings.LastIndex(parts[0], "---")
	c.apply(shop[:at])
	c.kubectl("wait", "--for=condition=Established", "crd/offers.shop.example", "--timeout=60s")
	c.apply(offers)
	uid := c.kubectl("-n", "shop", "get", "offer", "season", "-o", "jsonpath={.metadata.uid}")
	c.kubectl("-n", "shop", "patch", "offer", "tea", "--type=merge", "-p",
		fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":"shop.example/v1","kind":"Offer","name":"season","uid":%q}]}}`, uid))
	c.apply(shop[at:])
	c.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=120s")
	c.kubectl("-n", "shop", "rollout", "status", "statefulset/ledger", "--timeout=120s")
}

// inside lists what somebody wanted in a namespace, as the cluster has it.
func inside(t *testing.T, k *kube.Cluster, ns string) map[string]*unstructured.Unstructured {
	t.Helper()
	repo := scratchRepository(t)
	_, snap := copied(t, k, repo, kubernetes.Filter{Namespaces: []string{ns}})
	_, entries, err := kubernetes.Read(t.Context(), repo, snap)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*unstructured.Unstructured{}
	for _, e := range entries {
		o, err := e.Manifest(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.Kind, "pods") || strings.HasPrefix(e.Kind, "replicasets") || strings.HasPrefix(e.Kind, "persistentvolumes") || o.GetName() == "kube-root-ca.crt" {
			continue // they are made by others, under new names
		}
		all[e.String()] = o
	}
	return all
}

func scratchRepository(t *testing.T) *repository.Repository {
	t.Helper()
	repo, err := repository.InitWith(t.Context(), storage.NewFolder(filepath.Join(t.TempDir(), "repo")), "a long password", repository.Cost{N: 1 << 10, R: 8, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			t.Error(err)
		}
	})
	return repo
}

func copied(t *testing.T, k *kube.Cluster, repo *repository.Repository, f kubernetes.Filter) (kubernetes.Copied, repository.Snapshot) {
	t.Helper()
	got, err := kubernetes.Copy(t.Context(), k, repo, f, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	snap := repository.Snapshot{Time: time.Now(), Tree: got.Tree, Paths: []string{"/"}}
	snap.ID, err = repo.SaveSnapshot(t.Context(), snap)
	if err != nil {
		t.Fatal(err)
	}
	return got, snap
}

func restored(t *testing.T, k *kube.Cluster, repo *repository.Repository, snap repository.Snapshot, opt kubernetes.Options) kubernetes.Restored {
	t.Helper()
	opt.Say = func(string) {}
	got, err := kubernetes.Restore(t.Context(), k, repo, snap, opt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func equal(t *testing.T, before, after map[string]*unstructured.Unstructured) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(before)) {
		now, ok := after[name]
		if !ok {
			t.Errorf("%s is not back", name)
			continue
		}
		kind, _, _ := strings.Cut(name, " ")
		if !kubernetes.Equal(kind, before[name], now) {
			t.Errorf("%s is different:\n%s", name, kubernetes.Diff(kind, before[name], now))
		}
	}
	for name := range after {
		if before[name] == nil {
			t.Errorf("%s was not there before", name)
		}
	}
}

func TestADeletedNamespaceComesBackEqualAlsoInAnotherCluster(t *testing.T) {
	c := start(t, "sim,csi")
	open(c)
	k := c.connect()
	before := inside(t, k, "shop")
	repo := scratchRepository(t)
	got, snap := copied(t, k, repo, kubernetes.Filter{Namespaces: []string{"shop"}})
	if len(got.Problems) > 0 {
		t.Fatalf("the copy is incomplete: %v", got.Problems)
	}
	for _, want := range []string{
		"customresourcedefinitions.apiextensions.k8s.io offers.shop.example", "clusterroles.rbac.authorization.k8s.io shop-nodes",
		"validatingwebhookconfigurations.admissionregistration.k8s.io shop-prices", "secrets shop/till", "offers.shop.example shop/tea",
	} {
		if before[want] == nil {
			t.Errorf("the copy has no %s", want)
		}
	}

	t.Run("a dry run of what is there changes nothing", func(t *testing.T) {
		would := restored(t, k, repo, snap, kubernetes.Options{Dry: true})
		for _, c := range would.Changes {
			if c.What != kubernetes.Same && c.What != kubernetes.LeftOut {
				t.Errorf("%s would be: %s %s\n%s", c.Object, c.What, c.Why, c.Diff)
			}
		}
	})

	t.Run("a changed object is kept, refused or brought back as was said, and no secret is in the diff", func(t *testing.T) {
		c.kubectl("-n", "shop", "patch", "secret", "till", "--type=merge", "-p", `{"stringData":{"password":"new words"}}`)
		would := restored(t, k, repo, snap, kubernetes.Options{Dry: true})
		if would.Count(kubernetes.Kept) != 1 {
			t.Errorf("want one object kept: %v", would.Problems())
		}
		text, err := json.Marshal(would)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"open sesame", "new words", "b3BlbiBzZXNhbWU=", "bmV3IHdvcmRz"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("the diff has the secret %q", secret)
			}
		}
		if _, err := kubernetes.Restore(t.Context(), k, repo, snap, kubernetes.Options{Conflict: kubernetes.Fail, Say: func(string) {}}); err == nil || !strings.Contains(err.Error(), "secrets shop/till") {
			t.Errorf("want a refusal that names the secret, got %v", err)
		}
		restored(t, k, repo, snap, kubernetes.Options{Conflict: kubernetes.Update})
		if got := c.kubectl("-n", "shop", "get", "secret", "till", "-o", "jsonpath={.data.password}"); got != "b3BlbiBzZXNhbWU=" {
			t.Errorf("the password is %s", got)
		}
	})

	t.Run("deleted and restored", func(t *testing.T) {
		c.kubectl("-n", "shop", "patch", "offer", "tea", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		c.kubectl("delete", "validatingwebhookconfiguration/shop-prices", "clusterrole/shop-nodes", "clusterrolebinding/shop-nodes")
		c.kubectl("delete", "namespace", "shop", "--timeout=120s")
		c.kubectl("delete", "crd", "offers.shop.example", "--timeout=120s")
		back := restored(t, k, repo, snap, kubernetes.Options{})
		if p := back.Problems(); len(p) > 0 {
			t.Errorf("problems: %v", p)
		}
		if back.Finalizers["shop.example/tell"] != 1 {
			t.Errorf("finalizers that were told: %v", back.Finalizers)
		}
		c.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=120s")
		c.kubectl("-n", "shop", "rollout", "status", "statefulset/ledger", "--timeout=120s")
		equal(t, before, inside(t, k, "shop"))
		season := c.kubectl("-n", "shop", "get", "offer", "season", "-o", "jsonpath={.metadata.uid}")
		if owner := c.kubectl("-n", "shop", "get", "offer", "tea", "-o", "jsonpath={.metadata.ownerReferences[0].uid}"); owner != season {
			t.Errorf("the owner of tea is %s, season is %s", owner, season)
		}
	})

	t.Run("restored twice changes nothing", func(t *testing.T) {
		back := restored(t, k, repo, snap, kubernetes.Options{})
		if n := back.Count(kubernetes.Created) + back.Count(kubernetes.Updated); n > 0 {
			t.Errorf("%d objects were changed", n)
		}
	})

	t.Run("under another name, beside it", func(t *testing.T) {
		back := restored(t, k, repo, snap, kubernetes.Options{
			Mapping: kubernetes.Mapping{Namespaces: map[string]string{"shop": "shop2"}, Images: map[string]string{"goodstate.test/": "mirror.test/"}},
			Filter:  kubernetes.Filter{Namespaces: []string{"shop"}, Without: []string{"validatingwebhookconfigurations.admissionregistration.k8s.io"}},
		})
		for _, p := range back.Problems() {
			bound := strings.Contains(p, "clusterrolebindings")                                                    // it is there, for the account in shop
			refused := strings.HasPrefix(p, "offers.shop.example") && strings.Contains(p, `"prices.shop.example"`) // nobody serves the webhook, which is named
			if !bound && !refused {
				t.Error(p)
			}
		}
		if image := c.kubectl("-n", "shop2", "get", "deployment", "till", "-o", "jsonpath={.spec.template.spec.containers[0].image}"); image != "mirror.test/kit:1" {
			t.Errorf("the image is %s", image)
		}
		if ns := c.kubectl("-n", "shop2", "get", "rolebinding", "till", "-o", "jsonpath={.subjects[0].namespace}"); ns != "shop2" {
			t.Errorf("the role is bound in %s", ns)
		}
	})

	t.Run("in another cluster", func(t *testing.T) {
		other := start(t, "sim,csi")
		far := other.connect()
		back := restored(t, far, repo, snap, kubernetes.Options{})
		if p := back.Problems(); len(p) > 0 {
			t.Errorf("problems: %v", p)
		}
		other.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=120s")
		equal(t, before, inside(t, far, "shop"))
	})
}

func TestAnAccountThatMayNotReadSomethingIsToldWhat(t *testing.T) {
	c := start(t, "api")
	c.apply(`
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: keeper, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: keeper, namespace: shop}
rules: [{apiGroups: ["*"], resources: [configmaps, serviceaccounts], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: keeper, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: keeper}
subjects: [{kind: ServiceAccount, name: keeper, namespace: shop}]
`)
	k := c.connect()
	k.Config.BearerToken = strings.TrimSpace(c.kubectl("-n", "shop", "create", "token", "keeper"))
	k.Config.CertFile, k.Config.KeyFile, k.Config.CertData, k.Config.KeyData = "", "", nil, nil
	limited, err := kube.With(k.Config)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := copied(t, limited, scratchRepository(t), kubernetes.Filter{Namespaces: []string{"shop"}})
	if !slices.ContainsFunc(got.Problems, func(p string) bool { return strings.Contains(p, "cannot list resource \"secrets\"") }) {
		t.Errorf("no problem names the verb and the kind: %v", got.Problems)
	}
	if got.Objects == 0 {
		t.Error("what may be read was not copied")
	}
	limited.Config.BearerToken = "expired"
	expired, err := kube.With(limited.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kubernetes.Copy(t.Context(), expired, scratchRepository(t), kubernetes.Filter{}, func(string) {}); err == nil || !strings.Contains(err.Error(), "expired or revoked") {
		t.Errorf("want to be told that the credentials are not accepted, got %v", err)
	}
}

func TestACopyGoesOnWhenTheAPIServerWasAway(t *testing.T) {
	c := start(t, "api")
	c.kubectl("create", "namespace", "many")
	k := c.connect()
	for i := range 400 {
		c.t.Helper()
		if i%100 == 0 {
			var b strings.Builder
			for n := i; n < i+100; n++ {
				fmt.Fprintf(&b, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d, namespace: many}\ndata: {n: %q}\n", n, strings.Repeat("x", 2000))
			}
			c.apply(b.String())
		}
	}
	repo := scratchRepository(t)
	type outcome struct {
		got kubernetes.Copied
		err error
	}
	ended := make(chan outcome, 1)
	begun := make(chan struct{}, 1000)
	go func() {
		got, err := kubernetes.Copy(context.WithoutCancel(t.Context()), k, repo, kubernetes.Filter{Namespaces: []string{"many"}}, func(string) { begun <- struct{}{} })
		ended <- outcome{got, err}
	}()
	<-begun
	c.sh("kill", "apiserver")
	c.sh("start", "apiserver")
	o := <-ended
	if o.err != nil {
		t.Fatal(o.err)
	}
	if o.got.Objects < 401 || len(o.got.Problems) > 0 {
		t.Errorf("%d objects copied, problems %v", o.got.Objects, o.got.Problems)
	}
}
