package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder of the node stands for all storage without snapshots.
const folderOfTheNode = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: shop-uploads}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: "", persistentVolumeReclaimPolicy: Retain, hostPath: {path: %s}, claimRef: {namespace: shop, name: uploads}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: uploads, namespace: shop}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: shop-uploads, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: till, image: "goodstate.test/shell:1", command: [sh, -c, "while :; do sleep 1; done"], volumeMounts: [{name: uploads, mountPath: /data}]}]
      volumes: [{name: uploads, persistentVolumeClaim: {claimName: uploads}}]
`

func TestAVolumeWithoutSnapshotsIsCopiedBesideItsPodAndOnlyWhatChangedIsRead(t *testing.T) {
	c := start(t, "csi,node").withMover()
	folder := filepath.Join(c.state, "uploads")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	c.apply(fmt.Sprintf(folderOfTheNode, folder))
	c.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=300s")
	c.inPod("shop", "deploy/till", "kit fill -dir /data -files 300 -size 20000")
	before := digest(c)
	s := newSite(t, volumes(c))
	s.run("backup", "run", "shop")
	c.inPod("shop", "deploy/till", "echo new > /data/d000/f000007")
	s.run("backup", "run", "shop")
	record := s.record("shop")
	if v := record.Volumes[0]; v.Way != "files" || v.Files != 300 || v.Unchanged != 299 {
		t.Errorf("want 300 files of which 299 were not read again, have %+v", v)
	}
	c.nothingLeft(t)

	c.kubectl("delete", "namespace", "shop", "--timeout=180s")
	c.kubectl("delete", "persistentvolume", "shop-uploads", "--timeout=60s")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	first := s.points("shop")[1]
	t.Log(s.run("backup", "restore", "shop", "--in-place", "--point", first))
	c.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=300s")
	if after := digest(c); after != before {
		t.Errorf("the volume has %s, had %s", after, before)
	}
	c.nothingLeft(t)

	t.Run("one that nobody uses is named: nothing says on which node it is", func(t *testing.T) {
		c.kubectl("-n", "shop", "scale", "deployment/till", "--replicas=0")
		c.kubectl("-n", "shop", "wait", "--for=delete", "pod", "-l", "app=till", "--timeout=120s")
		if code, out := s.outcome("backup", "run", "shop"); code != 3 || !strings.Contains(out, "nothing says which node") {
			t.Errorf("exit %d:\n%s", code, out)
		}
	})
}
