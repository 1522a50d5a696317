package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

// goodstate is the program, built once for a test.
func goodstate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "goodstate")
	cmd := exec.Command("go", "build", "-o", path, "../../cmd/goodstate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// output collects what a process prints.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(text)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// operator is an operator outside of the cluster, with the rights of its own service account and no others.
type operator struct {
	cmd     *exec.Cmd
	out     printed
	metrics string
}

// account writes the kubeconfig of a service account.
func (c *cluster) account(namespace, name string) string {
	c.t.Helper()
	token := strings.TrimSpace(c.kubectl("-n", namespace, "create", "token", name, "--duration=2h"))
	path := filepath.Join(c.t.TempDir(), name+".kubeconfig")
	server := c.kubectl("config", "view", "--raw", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
	ca := c.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "jsonpath={.clusters[0].cluster.certificate-authority-data}")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q,"certificate-authority-data":%q}}],"users":[{"name":"u","user":{"token":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}`, server, ca, token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// operate starts an operator on a folder; it ends with the test.
func (c *cluster) operate(program, data, folders string) *operator {
	c.t.Helper()
	o := &operator{metrics: freePort(c.t)}
	o.cmd = exec.Command(program, "operator", "run", "--kubeconfig", c.account("goodstate", "goodstate-operator"), "--namespace", "goodstate", "--data", data, "--repositories", folders, "--metrics", o.metrics)
	o.cmd.Stdout, o.cmd.Stderr = &o.out, &o.out
	if err := o.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if o.cmd.ProcessState == nil {
			o.end(syscall.SIGTERM)
		}
		if c.t.Failed() {
			c.t.Log(o.out.String())
		}
	})
	return o
}

func (o *operator) end(s syscall.Signal) {
	_ = o.cmd.Process.Signal(s)
	_ = o.cmd.Wait()
}

func (o *operator) working() bool { return strings.Contains(o.out.String(), "the operator works") }

const patient = 3 * time.Minute

// installed is a cluster with the operator's manifests, its namespace with a repository, and two teams.
func installed(t *testing.T, parts string) (c *cluster, program string) {
	t.Helper()
	c, program = start(t, parts), goodstate(t)
	if out, err := exec.Command(program, "operator", "install", "--kubeconfig", c.kubeconfig(), "--set", "replicas=0").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.apply(teams)
	return c, program
}

const teams = `
apiVersion: v1
kind: Secret
metadata: {name: main, namespace: goodstate, labels: {backup.goodstate.dev/use: "true"}}
stringData: {password: correct horse battery staple}
---
apiVersion: backup.goodstate.dev/v1alpha1
kind: Repository
metadata: {name: main, namespace: goodstate}
spec: {folder: main, password: {name: main, key: password}, namespaces: [red, blue]}
---
apiVersion: v1
kind: Namespace
metadata: {name: red}
---
apiVersion: v1
kind: Namespace
metadata: {name: blue}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: goodstate-backup, namespace: red}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: goodstate-backup, namespace: blue}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: goodstate-backup, namespace: red}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: goodstate-backup-namespace}
subjects: [{kind: ServiceAccount, name: goodstate-backup, namespace: red}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: goodstate-backup, namespace: blue}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: goodstate-backup-namespace}
subjects: [{kind: ServiceAccount, name: goodstate-backup, namespace: blue}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prices, namespace: red}
data: {tea: "3"}
---
apiVersion: v1
kind: Secret
metadata: {name: till, namespace: red}
stringData: {password: open sesame}
---
apiVersion: backup.goodstate.dev/v1alpha1
kind: BackupPlan
metadata: {name: all, namespace: red}
spec: {repository: {name: main, namespace: goodstate}, rpo: 24h, rto: 10m, suspend: true}
`

// field reads one field of an object.
func (c *cluster) field(namespace, object, path string) string {
	out, err := c.try("", "-n", namespace, "get", object, "-o", "jsonpath={"+path+"}")
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return out
}

// becomes waits until a field has a value.
func (c *cluster) becomes(namespace, object, path, want string) {
	c.t.Helper()
	if _, err := c.try("", "-n", namespace, "wait", object, "--for=jsonpath={"+path+"}="+want, "--timeout=180s"); err != nil {
		out, _ := c.try("", "-n", namespace, "get", object, "-o", "yaml")
		c.t.Fatalf("%v\n%s", err, out)
	}
}

func work(kind, namespace, name, spec string) string {
	return fmt.Sprintf("---\napiVersion: backup.goodstate.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec: %s\n", kind, name, namespace, spec)
}

func TestCustomResourcesAloneBringANamespaceBackAndNeverAnothers(t *testing.T) {
	c, program := installed(t, "sim")
	dir := t.TempDir()
	o := c.operate(program, filepath.Join(dir, "data"), filepath.Join(dir, "copies"))
	real.Eventually(t, patient, "the operator works", o.working)
	c.becomes("goodstate", "repository/main", `.status.conditions[?(@.type=="Ready")].status`, "True")
	c.apply(work("Backup", "red", "first", "{plan: all}"))
	c.becomes("red", "backup/first", ".status.phase", "Completed")

	t.Run("a restore alone brings back what is gone", func(t *testing.T) {
		c.kubectl("-n", "red", "delete", "configmap/prices", "secret/till")
		c.apply(work("Restore", "red", "again", "{backup: first, existing: skip}"))
		c.becomes("red", "restore/again", ".status.phase", "Completed")
		if got := c.field("red", "configmap/prices", ".data.tea"); got != "3" {
			t.Errorf("tea costs %s", got)
		}
		if got := c.field("red", "restore/again", ".status.created"); got != "2" {
			t.Errorf("%s objects were made, want 2", got)
		}
		if got := c.field("red", "restore/again", ".metadata.ownerReferences[0].name"); got != "all" {
			t.Errorf("the owner is %s", got)
		}
		if got := c.kubectl("-n", "red", "get", "events", "--field-selector", "involvedObject.name=again"); !strings.Contains(got, "Completed") {
			t.Errorf("no event tells of the end:\n%s", got)
		}
	})

	t.Run("a dry run changes nothing, and what is there and different is refused", func(t *testing.T) {
		c.kubectl("-n", "red", "patch", "configmap", "prices", "--type=merge", "-p", `{"data":{"tea":"300"}}`)
		c.apply(work("Restore", "red", "dry", "{plan: all, existing: update, dryRun: true}") + work("Restore", "red", "fails", "{plan: all}"))
		c.becomes("red", "restore/dry", ".status.phase", "Completed")
		c.becomes("red", "restore/fails", ".status.phase", "Failed")
		if got := c.field("red", "configmap/prices", ".data.tea"); got != "300" {
			t.Errorf("tea costs %s", got)
		}
		if got := c.field("red", "restore/dry", ".status.updated"); got != "1" {
			t.Errorf("%s would be updated", got)
		}
	})

	t.Run("a drill proves it in a scratch namespace that is gone afterwards", func(t *testing.T) {
		c.apply(work("Drill", "red", "proof", "{plan: all}"))
		c.becomes("red", "drill/proof", ".status.verdict", "Pass")
		if got := c.field("red", "drill/proof", ".status.recovery"); got == "" {
			t.Error("no recovery time was measured")
		}
		if got := c.kubectl("get", "namespaces", "-o", "name"); strings.Contains(got, "drill") {
			t.Errorf("a scratch namespace is left:\n%s", got)
		}
	})

	t.Run("another namespace cannot have it", func(t *testing.T) {
		c.apply(work("Restore", "blue", "theft", "{from: red, backup: first}") + work("Restore", "blue", "guess", "{from: red, plan: all}") + work("Restore", "blue", "probe", "{from: red, backup: nothing}"))
		for _, name := range []string{"theft", "guess", "probe"} {
			c.becomes("blue", "restore/"+name, `.status.conditions[?(@.type=="Done")].reason`, "Forbidden")
		}
		if got := c.kubectl("-n", "blue", "get", "configmaps", "-o", "name"); strings.Contains(got, "prices") {
			t.Error("blue has the prices of red")
		}
		if _, err := c.try(work("Restore", "blue", "mapped", "{plan: all, namespaces: {red: blue}}"), "apply", "-f", "-"); err == nil || !strings.Contains(err.Error(), "operator's namespace") {
			t.Errorf("admission took namespaces: %v", err)
		}
		if _, err := c.try(work("BackupPlan", "blue", "wide", "{repository: {name: main, namespace: goodstate}, rpo: 1h, namespaces: [red]}"), "apply", "-f", "-"); err == nil || !strings.Contains(err.Error(), "its own namespace") {
			t.Errorf("admission took a plan of another namespace: %v", err)
		}
		// Without admission the operator itself refuses.
		c.kubectl("delete", "validatingadmissionpolicybinding/goodstate-own-namespace")
		real.Eventually(t, patient, "admission lets it through", func() bool {
			_, err := c.try(work("BackupPlan", "blue", "wide", "{repository: {name: main, namespace: goodstate}, rpo: 1h, namespaces: [red]}")+
				work("Repository", "blue", "mine", "{folder: main, password: {name: p, key: k}}"), "apply", "-f", "-")
			return err == nil
		})
		c.becomes("blue", "backupplan/wide", `.status.conditions[?(@.type=="Ready")].reason`, "Forbidden")
		c.becomes("blue", "repository/mine", `.status.conditions[?(@.type=="Ready")].reason`, "Forbidden")
		c.kubectl("-n", "blue", "delete", "repository/mine", "backupplan/wide", "--timeout=120s")
	})

	t.Run("until it is granted, and then into its own namespace as its own account", func(t *testing.T) {
		c.kubectl("-n", "red", "patch", "backupplan", "all", "--type=merge", "-p", `{"spec":{"restorableBy":["blue"]}}`)
		c.apply(work("Restore", "blue", "granted", "{from: red, backup: first, existing: skip}"))
		c.becomes("blue", "restore/granted", ".status.phase", "Incomplete") // a role of red's that blue has already, for another account
		if got := c.field("blue", "configmap/prices", ".data.tea"); got != "3" {
			t.Errorf("tea costs %s in blue", got)
		}
		if got := c.field("red", "configmap/prices", ".data.tea"); got != "300" {
			t.Errorf("tea costs %s in red, which blue has changed", got)
		}
	})

	t.Run("wrong objects are refused by the API server", func(t *testing.T) {
		for spec, want := range map[string]string{
			work("Restore", "red", "bad", "{backup: a, plan: b}"):                                                           "want exactly one of backup and plan",
			work("Repository", "goodstate", "bad", "{password: {name: a, key: b}}"):                                         "want exactly one of s3 and folder",
			work("Repository", "goodstate", "bad", "{folder: ../../etc, password: {name: a, key: b}}"):                      "stay below",
			work("BackupPlan", "red", "bad", "{repository: {name: main}}"):                                                  "want rpo or schedule",
			work("BackupPlan", "red", "bad", "{repository: {name: main}, rpo: soon}"):                                       "should match",
			work("Restore", "red", "again", "{plan: all}"):                                                                  "it is done once",
			work("Backup", "red", "first", "{plan: other}"):                                                                 "stays that of its plan",
			work("Restore", "red", "bad", "{plan: all, existing: overwrite}"):                                               "Unsupported value",
			work("Repository", "red", "bad", "{s3: {endpoint: 'http://10.0.0.1', bucket: b}, password: {name: a, key: b}}"): "spec.s3",
		} {
			if _, err := c.try(spec, "apply", "-f", "-"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\ngot %v, want %q", spec, err, want)
			}
		}
	})

	t.Run("a repository in use is held, and a deleted Backup takes its point with it as its policy says", func(t *testing.T) {
		c.apply(work("Backup", "red", "second", "{plan: all, deletionPolicy: Delete}"))
		c.becomes("red", "backup/second", ".status.phase", "Completed")
		c.becomes("red", "backupplan/all", ".status.points", "2")
		c.kubectl("-n", "red", "delete", "backup/second", "--timeout=120s")
		c.becomes("red", "backupplan/all", ".status.points", "1")
		c.kubectl("-n", "red", "delete", "backup/first", "--timeout=120s") // Retain: the point stays, and is told of again
		real.Eventually(t, patient, "the point that stayed is a Backup again", func() bool {
			out, _ := c.try("", "-n", "red", "get", "backups", "-o", "jsonpath={.items[*].status.phase}")
			return out == "Completed"
		})
		c.kubectl("-n", "goodstate", "delete", "repository/main", "--wait=false")
		c.becomes("goodstate", "repository/main", `.status.conditions[?(@.type=="Ready")].reason`, "InUse")
		c.kubectl("-n", "red", "delete", "backupplan/all", "--timeout=120s")
		if _, err := c.try("", "-n", "goodstate", "wait", "--for=delete", "repository/main", "--timeout=120s"); err != nil {
			t.Fatalf("%v\n%s", err, c.kubectl("get", "repositories,backupplans", "-A", "-o", "yaml"))
		}
		real.Eventually(t, patient, "what was asked of the plan goes with it", func() bool {
			_, err := c.try("", "-n", "red", "get", "restore/again")
			return err != nil && strings.Contains(err.Error(), "NotFound")
		})
	})

	o.end(syscall.SIGTERM)
	if strings.Contains(o.out.String(), "correct horse") || strings.Contains(o.out.String(), "open sesame") {
		t.Error("the operator printed a secret")
	}
}

func TestOfTwoOperatorsOneWorksAndTheOtherTakesOverWhenItIsKilled(t *testing.T) {
	c, program := installed(t, "api")
	dir := t.TempDir()
	data, copies := filepath.Join(dir, "data"), filepath.Join(dir, "copies")
	first := c.operate(program, data, copies)
	real.Eventually(t, patient, "the first works", first.working)
	second := c.operate(program, data, copies)
	c.apply(work("Backup", "red", "first", "{plan: all}"))
	c.becomes("red", "backup/first", ".status.phase", "Completed")
	if second.working() {
		t.Fatal("both work")
	}
	metrics := output(t, "curl", "-s", "http://"+first.metrics+"/metrics")
	for _, want := range []string{`goodstate_plan_suspended{namespace="red",plan="all"} 1`, `goodstate_plan_last_copied_timestamp_seconds{namespace="red",plan="all"}`, "controller_runtime_reconcile_total"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	c.apply(work("Backup", "red", "cut", "{plan: all}"))
	first.end(syscall.SIGKILL)
	real.Eventually(t, patient, "the second works", second.working)
	c.becomes("red", "backup/cut", ".status.phase", "Completed")
	c.apply(work("Restore", "red", "again", "{backup: first, existing: skip}"))
	c.becomes("red", "restore/again", ".status.phase", "Completed")
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal([]byte(c.kubectl("-n", "red", "get", "backups", "-o", "json")), &list); err != nil || len(list.Items) != 2 {
		t.Errorf("%d Backups, want 2 (%v)", len(list.Items), err)
	}
}
