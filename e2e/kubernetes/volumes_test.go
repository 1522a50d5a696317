package kubernetes

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

//go:embed testdata/ledger.yaml
var ledger string

// holding stops the ledger's writer between two entries.
const holding = `hold: [{pods: app=ledger, before: "touch /tmp/hold; until [ -e /tmp/held ]; do sleep 0.05; done; sync", after: "rm -f /tmp/hold /tmp/held", within: 60s}]`

// volumes is the application with its volumes, copied with more settings.
func volumes(c *cluster, more ...string) string {
	settings := "image: " + moverImage
	for _, m := range more {
		settings += ", " + m
	}
	return fmt.Sprintf(`    shop:
      source: {kubernetes: {kubeconfig: %s, namespaces: [shop], volumes: {%s}, drill: {replicas: 1}}}
      repository: main
      rto: 10m
`, c.kubeconfig(), settings)
}

// openLedger starts the applications, and puts files of all kinds where one of them keeps its own.
func openLedger(c *cluster) {
	c.t.Helper()
	c.apply(ledger)
	ready(c)
	c.inPod("shop", "deploy/till", "kit fill -dir /data -files 300 -size 20000 && mkdir /data/empty && ln -s d000/f000001 /data/link && echo x >'/data/a name' && touch -d 2001-02-03 /data/old")
}

func ready(c *cluster) {
	c.t.Helper()
	c.kubectl("-n", "shop", "rollout", "status", "deployment/till", "--timeout=300s")
	c.kubectl("-n", "shop", "rollout", "status", "statefulset/ledger", "--timeout=300s")
}

func digest(c *cluster) string {
	c.t.Helper()
	return c.inPod("shop", "deploy/till", "kit digest -dir /data")
}

// entries are the numbers that the ledger has in its two volumes.
func entries(c *cluster) (data, log int) {
	c.t.Helper()
	both := c.inPod("shop", "ledger-0", "cat /data/n /log/n")
	if _, err := fmt.Sscan(both, &data, &log); err != nil {
		c.t.Fatalf("the ledger says %q: %v", both, err)
	}
	return data, log
}

func TestADeletedNamespaceComesBackWithItsVolumesAlsoInAnotherCluster(t *testing.T) {
	c := start(t, "csi,node").withMover()
	openLedger(c)
	before := digest(c)
	objects := inside(t, c.connect(), "shop")
	s := newSite(t, volumes(c, holding))
	t.Log(s.run("backup", "run", "shop"))
	c.nothingLeft(t)
	atLeast, _ := entries(c)
	if atLeast == 0 {
		t.Fatal("the ledger has no entries")
	}
	t.Log(s.run("backup", "drill", "shop"))
	c.nothingLeft(t)

	t.Run("what did not change is not moved again", func(t *testing.T) {
		if out := s.run("backup", "run", "shop"); !strings.Contains(out, " 0 MB new") {
			t.Errorf("the second copy says:\n%s", out)
		}
	})

	t.Run("in place", func(t *testing.T) {
		c.kubectl("delete", "namespace", "shop", "--timeout=180s")
		began := time.Now()
		t.Log(s.run("backup", "restore", "shop", "--in-place"))
		ready(c)
		t.Logf("the namespace was back after %s", time.Since(began).Round(100*time.Millisecond))
		if after := digest(c); after != before {
			t.Errorf("the volume has %s, had %s", after, before)
		}
		if data, _ := entries(c); data < atLeast {
			t.Errorf("the ledger is at %d, was at %d", data, atLeast)
		}
		equal(t, objects, inside(t, c.connect(), "shop"))
		c.nothingLeft(t)
	})

	t.Run("a volume that is there keeps its data, and that is said", func(t *testing.T) {
		out := s.run("backup", "restore", "shop", "--in-place", "--plan")
		if !strings.Contains(out, "keeps its data") {
			t.Errorf("the plan says:\n%s", out)
		}
	})

	t.Run("in another cluster", func(t *testing.T) {
		other := start(t, "csi,node").withMover()
		text, err := os.ReadFile(other.kubeconfig())
		if err != nil {
			t.Fatal(err)
		}
		s.write("other.kubeconfig", string(text))
		s.edit("secrets: {", "secrets: {other: {file: other.kubeconfig}, ")
		t.Log(s.run("backup", "restore", "shop", "--cluster", "other"))
		ready(other)
		if after := digest(other); after != before {
			t.Errorf("the volume has %s, had %s", after, before)
		}
		equal(t, objects, inside(t, other.connect(), "shop"))
		other.nothingLeft(t)
	})
}

func TestASnapshotThatIsKeptOutlivesItsNamespaceAndGoesWithItsRestorePoint(t *testing.T) {
	c := start(t, "csi,node").withMover()
	openLedger(c)
	before := digest(c)
	s := newSite(t, volumes(c, holding, "data: snapshots"))
	t.Log(s.run("backup", "run", "shop"))
	point := s.point("shop")
	c.kubectl("delete", "namespace", "shop", "--timeout=180s")
	t.Log(s.run("backup", "restore", "shop", "--in-place"))
	ready(c)
	if after := digest(c); after != before {
		t.Errorf("the volume has %s, had %s", after, before)
	}
	t.Log(s.run("backup", "restore", "shop", "--namespace", "shop=beside"))
	c.kubectl("-n", "beside", "rollout", "status", "deployment/till", "--timeout=300s")
	if after := c.inPod("beside", "deploy/till", "kit digest -dir /data"); after != before {
		t.Errorf("beside it the volume has %s, had %s", after, before)
	}
	t.Log(s.run("backup", "run", "shop"))
	t.Log(s.run("backup", "forget", "shop", "--point", point))
	real.Eventually(t, 2*time.Minute, "the storage has the three snapshots of the restore point that is left", func() bool {
		return len(c.snapshots()) == 3
	})
	t.Log(s.run("backup", "run", "shop"))
	last := s.point("shop")
	for _, p := range s.points("shop") {
		if p != last {
			s.run("backup", "forget", "shop", "--point", p)
		}
	}
	real.Eventually(t, 2*time.Minute, "the storage has the three snapshots of the last restore point", func() bool { return len(c.snapshots()) == 3 })
}
