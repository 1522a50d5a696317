package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/runtime/fleet"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
	"goodstate.dev/goodstate/rollout/source"
)

const (
	leastFree  = 1 << 30 // bytes; builds and releases that are kept need room
	certExpiry = 14 * 24 * time.Hour
)

// Doctor looks at what rollouts will need on this machine, and changes nothing. Serving tells whether goodstate owns the data directory now, and with it
// the addresses of the configuration.
func Doctor(ctx context.Context, conf *Config, base string, serving bool) []good.Finding {
	d := doctor{conf: conf, base: base}
	d.git(ctx)
	d.data()
	d.secrets(ctx)
	if !serving {
		d.address(ctx, "server", conf.Server.Listen)
	}
	d.cert("server", conf.Server.Cert, conf.Server.Key)
	for name, s := range conf.Services.All() {
		d.service(ctx, name, s, serving)
	}
	return d.found
}

type doctor struct {
	conf  *Config
	base  string
	found []good.Finding
}

func (d *doctor) say(check string, v good.Verdict, observed, wanted, hint string) {
	d.found = append(d.found, good.Finding{Check: check, Verdict: v, Observed: observed, Wanted: wanted, Hint: hint, At: time.Now()})
}

func (d *doctor) git(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	if err != nil {
		d.say("git", good.Fail, err.Error(), "git on the PATH", "install git; releases are commits")
		return
	}
	d.say("git", good.Pass, strings.TrimSpace(string(out)), "", "")
}

// data looks at the data directory, or at the folder that it will be made in.
func (d *doctor) data() {
	dir := d.conf.Data
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		d.say("data directory", good.Fail, fmt.Sprintf("%s: %v", dir, err), "a folder that this user can write", "set data: in goodstate.yaml, or give the folder to this user")
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		d.say("data directory", good.Unknown, fmt.Sprintf("%s: %v", dir, err), "a file system that tells its free space", "")
		return
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free < leastFree {
		d.say("data directory", good.Fail, fmt.Sprintf("%s has %d MiB free", dir, free>>20), fmt.Sprintf("%d MiB", leastFree>>20), "make room: a rollout that cannot write its record stops")
		return
	}
	d.say("data directory", good.Pass, fmt.Sprintf("%s, %d GiB free", d.conf.Data, free>>30), "", "")
}

func (d *doctor) secrets(ctx context.Context) {
	store := secret.New(d.conf.Secrets, d.base)
	names := make([]string, 0, len(d.conf.Secrets))
	for name := range d.conf.Secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, err := store.Get(ctx, name); err != nil {
			d.say("secret "+name, good.Fail, err.Error(), "a value", "")
			continue
		}
		d.say("secret "+name, good.Pass, "has a value", "", "")
	}
}

// address finds out whether an address can be listened on.
func (d *doctor) address(ctx context.Context, what, address string) {
	if address == noServer {
		return
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		d.say(what+" address", good.Fail, address+" is taken by another program", "a free address", "choose another one, or end what listens there")
	case err != nil:
		d.say(what+" address", good.Fail, err.Error(), "an address of this machine that this user may listen on", "")
	default:
		d.say(what+" address", good.Pass, address+" is free", "", "")
		_ = l.Close() // nothing was accepted
	}
}

func (d *doctor) cert(what, cert, key string) {
	if cert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		d.say(what+" certificate", good.Fail, err.Error(), "a certificate and its key in PEM", "")
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	switch {
	case err != nil:
		d.say(what+" certificate", good.Fail, err.Error(), "an X.509 certificate", "")
	case time.Until(leaf.NotAfter) < certExpiry:
		d.say(what+" certificate", good.Fail, "ends at "+leaf.NotAfter.Format(time.RFC3339), "two weeks and more", "renew it; files are read again when they change")
	default:
		d.say(what+" certificate", good.Pass, "good until "+leaf.NotAfter.Format(time.DateOnly), "", "")
	}
}

func (d *doctor) service(ctx context.Context, name string, s rollout.Service, serving bool) {
	limited, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := source.Reach(limited, d.base, s.Source); err != nil {
		d.say(name+" repository", good.Fail, err.Error(), "a repository that git can read", "try it by hand with git ls-remote")
	} else {
		d.say(name+" repository", good.Pass, s.Source.Git+" can be read", "", "")
	}
	d.hosts(ctx, name, s)
	d.cluster(ctx, name, s)
	if s.Traffic == nil {
		return
	}
	d.balancer(ctx, name, s.Traffic)
	d.cert(name, s.Traffic.Cert, s.Traffic.Key)
	if s.Traffic.Listen == "" {
		return
	}
	if serving {
		return // the proxy has the address
	}
	if c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(d.conf.Data, "proxy", "proxy.sock")); err == nil {
		_ = c.Close() // nothing was asked
		return        // the proxy outlives the controller and has the address
	}
	d.address(ctx, name, s.Traffic.Listen)
}

// balancer says what is missing for the service's load balancer to be used.
func (d *doctor) balancer(ctx context.Context, name string, t *rollout.Traffic) {
	found, err := t.Look(ctx)
	if err != nil {
		d.say(name+" traffic", good.Fail, err.Error(), "a load balancer", "")
	}
	for _, f := range found {
		d.say(name+" "+f.Check, f.Verdict, f.Observed, f.Wanted, f.Hint)
	}
}

// hosts looks at the hosts of a service.
func (d *doctor) hosts(ctx context.Context, name string, s rollout.Service) {
	if s.Hosts == nil {
		return
	}
	// Nothing is started, so that nothing has to be remembered.
	f, err := fleet.New(fleet.Options{Dir: filepath.Join(d.conf.Data, "hosts")})
	if err != nil {
		d.say(name+" hosts", good.Fail, err.Error(), "a folder for what runs on hosts", "")
		return
	}
	for _, found := range s.LookAtHosts(ctx, f.Look) {
		d.say(name+" "+found.Check, found.Verdict, found.Observed, found.Wanted, found.Hint)
	}
	_ = f.Close() // nothing goes on
}

// cluster looks at the cluster of a service.
func (d *doctor) cluster(ctx context.Context, name string, s rollout.Service) {
	if s.Kubernetes == nil {
		return
	}
	// Nothing is started, so that nothing has to be remembered.
	k, err := kubernetes.New(kubernetes.Options{Dir: filepath.Join(d.conf.Data, "clusters"), Secret: secret.New(d.conf.Secrets, d.base).Get})
	if err != nil {
		d.say(name+" cluster", good.Fail, err.Error(), "a folder for what runs in clusters", "")
		return
	}
	for _, found := range s.LookAtCluster(ctx, k.Look) {
		d.say(name+" "+found.Check, found.Verdict, found.Observed, found.Wanted, found.Hint)
	}
}
