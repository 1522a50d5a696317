package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/runtime/process"
	"goodstate.dev/goodstate/rollout/runtime/runtimetest"
)

const programManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: program}
spec:
  selector: {matchLabels: {app: program}}
  template:
    metadata: {labels: {app: program}}
    spec: {containers: [{name: program, image: "goodstate.test/program:1", imagePullPolicy: IfNotPresent, ports: [{containerPort: 8080}]}]}
`

func TestPodsDoWhatEveryRuntimeMust(t *testing.T) {
	c := start(t, "node")
	program, archive := filepath.Join(t.TempDir(), "program"), filepath.Join(t.TempDir(), "program.tar")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.run(build)
	c.run(exec.Command(filepath.Join(c.programs(), "kit"), "image", "-name", "goodstate.test/program:1", "-out", archive, "-entrypoint", "/bin/program", program+":/bin/program"))
	c.ctr("import", archive)
	n := 0
	runtimetest.Run(t, func(t *testing.T) runtimetest.Place {
		n++
		namespace, dir := fmt.Sprintf("place-%d", n), t.TempDir()
		c.kubectl("create", "namespace", namespace)
		place := &runtime.Place{Name: "cluster " + namespace, Cluster: &runtime.Cluster{Kubeconfig: c.kubeconfig(), Namespace: namespace}}
		return runtimetest.Place{
			On: place, Program: []string{"/bin/program"}, Manifest: programManifest,
			Open: func(t *testing.T) runtime.Runtime {
				local, err := process.New(process.Options{Dir: filepath.Join(dir, "local"), Keeper: []string{os.Args[0], "keep"}})
				if err != nil {
					t.Fatal(err)
				}
				r, err := kubernetes.New(kubernetes.Options{Dir: filepath.Join(dir, "pods"), Local: local})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close() }) // pods go on
				return r
			},
		}
	})
}
