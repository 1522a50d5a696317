package runtime

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Place is a host or a cluster that instances run on, as it was known when they were started: what is needed to go back is with the release.
type Place struct {
	Name       string   `json:"name"`               // of the inventory
	Host       string   `json:"host"`               // what ssh is told: a name, an address or an alias
	Port       int      `json:"port,omitempty"`     // of SSH
	User       string   `json:"user,omitempty"`     // of SSH
	Args       []string `json:"args,omitempty"`     // arguments as ssh takes them
	Keys       []string `json:"keys,omitempty"`     // private key files
	Address    string   `json:"address"`            // at which its instances are reached, and on which they listen
	Listen     string   `json:"listen,omitempty"`   // on which they listen instead
	Dir        string   `json:"dir,omitempty"`      // folder on the host; empty: the account's own
	Become     bool     `json:"become,omitempty"`   // through sudo
	Account    string   `json:"account,omitempty"`  // that instances run as, where the supervisor can do that
	Supervisor string   `json:"supervisor"`         // what looks after the instances
	Settings   string   `json:"settings,omitempty"` // of the supervisor, as JSON
	Cluster    *Cluster `json:"cluster,omitempty"`  // instances are pods there, and nothing above but the name counts
}

// Cluster is a namespace of a Kubernetes cluster that instances run in, as pods.
type Cluster struct {
	Kubeconfig  string `json:"kubeconfig,omitempty"`  // path of a file
	Credentials string `json:"credentials,omitempty"` // name of a secret with the text of a kubeconfig, instead; neither: the cluster that goodstate runs in
	Context     string `json:"context,omitempty"`     // of the kubeconfig; empty: its current one
	Namespace   string `json:"namespace"`
	Container   string `json:"container,omitempty"` // of the pod that is the instance; empty: the first
}

// UnreachableError says that a host cannot be asked. Nothing is known then of what runs there.
type UnreachableError struct {
	Host string
	Err  error
}

// Error names the host.
func (e *UnreachableError) Error() string { return fmt.Sprintf("host %s: %v", e.Host, e.Err) }

func (e *UnreachableError) Unwrap() error { return e.Err }

// ID names the instance: service, release and index with dots between. Only a release may have dots of its own,
// so two instances never share a name.
func (s Spec) ID() string {
	return Escape(s.Service, false) + "." + Escape(s.Release, true) + "." + strconv.Itoa(s.Index)
}

// Escape writes what is not a letter, a digit, - or _ (or a dot, where dots are fine) as =XX.
func Escape(name string, dots bool) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && dots:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// Listen is the address that the instance listens on.
func (s Spec) Listen() string {
	if s.Host == "" {
		return "127.0.0.1"
	}
	return s.Host
}

// URL is where the instance is reached.
func (s Spec) URL() string { return "http://" + net.JoinHostPort(s.Listen(), strconv.Itoa(s.Port)) }

var blanks = regexp.MustCompile(`\$(?:(PORT|HOST)\b|\{(PORT|HOST)\})`)

// Words fills $PORT and $HOST into the command; other dollars are left for a shell that may be in it.
func (s Spec) Words() []string {
	filled := make([]string, len(s.Command))
	for i, word := range s.Command {
		filled[i] = blanks.ReplaceAllStringFunc(word, func(name string) string {
			if strings.Contains(name, "PORT") {
				return strconv.Itoa(s.Port)
			}
			return s.Listen()
		})
	}
	return filled
}
