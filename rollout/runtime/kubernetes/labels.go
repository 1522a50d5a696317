package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Labels and annotations of what goodstate makes in a cluster.
const (
	labelManaged = "app.kubernetes.io/managed-by"
	// LabelService names the service on its pods, so that a Service of the user can select the pods of all its releases.
	LabelService = "goodstate.dev/service"
	// LabelRelease tells the releases of a service apart; its value is Short of the release's id.
	LabelRelease = "goodstate.dev/release"
	labelConfig  = "goodstate.dev/config" // name in the manifest of a ConfigMap or Secret

	annService   = "goodstate.dev/service-name"
	annRelease   = "goodstate.dev/release-id"
	annVersion   = "goodstate.dev/version"
	annInstances = "goodstate.dev/instances" // numbers of the instances that are wanted; as many as replicas
	annRestarts  = "goodstate.dev/restarts"  // how often a container may be started again before it counts as ended
	annPort      = "goodstate.dev/port"
	annImages    = "goodstate.dev/images"   // by container: what its first pod ran, with digest, as JSON
	annInstance  = "goodstate.dev/instance" // on a pod: its number
	annSum       = "goodstate.dev/sum"      // of what a ConfigMap or Secret was made from

	deletionCost = "controller.kubernetes.io/pod-deletion-cost" // the Deployment takes away the lowest first
)

// Short is a name for a release that fits into labels and names.
func Short(release string) string {
	sum := sha256.Sum256([]byte(release))
	return hex.EncodeToString(sum[:5])
}

// Label is the value of LabelService for a service: its name, where that is a label.
func Label(service string) string {
	if n := plain(service, 50); n != service {
		return n + "-" + Short(service)
	}
	return service
}

// objectName is the name of a release's workload.
func objectName(service, release string) string {
	return plain(strings.ToLower(service), 40) + "-" + Short(service+"\x00"+release)
}

// plain leaves of a name what may be in the name of any object, at most so many letters.
func plain(name string, most int) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		switch {
		case letter, c == '-' && b.Len() > 0:
			b.WriteByte(c)
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		case b.Len() > 0:
			b.WriteByte('-')
		}
	}
	out := b.String()
	out = strings.TrimRight(out[:min(len(out), most)], "-")
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		return "s" + out
	}
	return out
}
