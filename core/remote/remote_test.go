package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"goodstate.dev/goodstate/internal/real"
)

func options(h *real.SSHD, args ...string) Options {
	return Options{Config: h.Config, Args: args, Timeout: 20 * time.Second}
}

func connect(t *testing.T, o Options, host string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), Target{Host: host}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return c
}

func TestCommandsRunWithInputOutputAndStatus(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	for _, system := range []System{Never, Always} {
		o := options(h)
		o.System = system
		c := connect(t, o, "target")
		var out, errs bytes.Buffer
		err := c.Run(t.Context(), "cat; echo bad >&2; exit 7", strings.NewReader("hello"), &out, &errs)
		var exit *ExitError
		if !errors.As(err, &exit) || exit.Code != 7 || out.String() != "hello" || errs.String() != "bad\n" {
			t.Errorf("%q: out %q, err %q, %v; want hello, bad, exit status 7", system, out.String(), errs.String(), err)
		}
		if got, err := c.Output(t.Context(), "echo $((6*7))", nil, 100); err != nil || string(got) != "42\n" {
			t.Errorf("%q: %q %v, want 42", system, got, err)
		}
		if _, err := c.Output(t.Context(), "yes", nil, 100); err == nil || !strings.Contains(err.Error(), "longer than 100 bytes") {
			t.Errorf("%q: endless output ended with %v", system, err)
		}
		if err := c.Run(t.Context(), "true", strings.NewReader(strings.Repeat("x", 1<<20)), nil, nil); err != nil {
			t.Errorf("%q: a command that does not read its input: %v", system, err)
		}
	}
}

func TestAFileArrivesWholeOrNotAtAll(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	c := connect(t, options(h), "target")
	body := bytes.Repeat([]byte("0123456789\n"), 100_000)
	to := filepath.Join(h.Dir, "it's here")
	if err := c.Upload(t.Context(), bytes.NewReader(body), to, 0o640); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v, want %d", len(got), err, len(body))
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v %v, want 0640", info.Mode(), err)
	}
	half := io.MultiReader(strings.NewReader("half"), &failing{})
	if err := c.Upload(t.Context(), half, to, 0o600); err == nil {
		t.Error("a broken source was taken for a file")
	}
	if now, err := os.ReadFile(to); err != nil || !bytes.Equal(now, body) {
		t.Errorf("after a broken upload the file has %d bytes (%v), want the old %d", len(now), err, len(body))
	}
	if err := c.Upload(t.Context(), strings.NewReader("x"), "/nonexistent/folder/x", 0o600); err == nil || !strings.Contains(err.Error(), "/nonexistent/folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errors.New("the source broke") }

func TestAnUnknownKeyIsRefusedWithItsFingerprint(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	if err := os.WriteFile(h.KnownHosts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), Target{Host: "target"}, options(h))
	var key *HostKeyError
	if !errors.As(err, &key) || key.Changed {
		t.Fatalf("%v, want an unknown host key", err)
	}
	print, kerr := exec.Command("ssh-keygen", "-lf", h.HostKey+".pub").Output()
	if kerr != nil {
		t.Fatal(kerr)
	}
	if want := strings.Fields(string(print))[1]; !strings.Contains(err.Error(), want) || !strings.Contains(key.Hint(), "ssh-keygen -lf") {
		t.Errorf("%v (%s), want the fingerprint %s and what to do", err, key.Hint(), want)
	}
	c := connect(t, options(h, "-o", "StrictHostKeyChecking=accept-new", "-o", "HashKnownHosts=yes"), "target")
	if err := c.Run(t.Context(), "true", nil, nil, nil); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(h.KnownHosts); err != nil || !strings.HasPrefix(string(text), "|1|") {
		t.Errorf("known_hosts is %q (%v), want a hashed name", text, err)
	}
	connect(t, options(h), "target") // the hashed name is known now
}

func TestAChangedKeyIsRefusedLoudly(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	other := filepath.Join(h.Dir, "other")
	real.Keygen(t, other)
	pub, err := os.ReadFile(other + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("[127.0.0.1]:%d %s", h.Port, pub)
	if err := os.WriteFile(h.KnownHosts, []byte("# a comment\nbroken line\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"-o", "StrictHostKeyChecking=accept-new"}} {
		_, err = Dial(t.Context(), Target{Host: "target"}, options(h, args...))
		var key *HostKeyError
		if !errors.As(err, &key) || !key.Changed || !strings.Contains(err.Error(), "HOST KEY CHANGED") || !strings.Contains(err.Error(), "known_hosts:3") {
			t.Errorf("%v: %v, want a changed key, known by line 3", args, err)
		}
	}
	if strings.Contains(h.Log(), "Accepted") {
		t.Error("it authenticated to a host with another key")
	}
}

func TestARevokedKeyIsRefused(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	pub, err := os.ReadFile(h.HostKey + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(h.KnownHosts, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f, "@revoked * %s", pub); err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, err = Dial(t.Context(), Target{Host: "target"}, options(h))
	var key *HostKeyError
	if !errors.As(err, &key) || !key.Revoked {
		t.Errorf("%v, want a revoked key", err)
	}
}

func TestAHostCertificateOfAKnownAuthorityIsTrusted(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	ca := filepath.Join(h.Dir, "ca")
	real.Keygen(t, ca)
	sign := func(key, name string, more ...string) {
		t.Helper()
		args := append([]string{"-q", "-s", ca, "-I", "test", "-n", name}, more...)
		if out, err := exec.Command("ssh-keygen", append(args, key+".pub")...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	certified := func(principal string) *real.SSHD {
		host := filepath.Join(h.Dir, "host-"+principal)
		real.Keygen(t, host)
		sign(host, principal, "-h")
		return real.StartSSHD(t, "HostCertificate "+host+"-cert.pub", "HostKey "+host, "TrustedUserCAKeys "+ca+".pub")
	}
	pub, err := os.ReadFile(ca + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(h.Dir, "authorities")
	if err := os.WriteFile(known, []byte("@cert-authority [127.0.0.*]:* "+string(pub)), 0o600); err != nil {
		t.Fatal(err)
	}
	good, wrong := certified("127.0.0.1"), certified("elsewhere")
	id := filepath.Join(h.Dir, "certified")
	real.Keygen(t, id)
	sign(id, good.User)
	c := connect(t, options(good, "-o", "UserKnownHostsFile="+known, "-o", "IdentitiesOnly=yes", "-i", id), "target")
	if err := c.Run(t.Context(), "true", nil, nil, nil); err != nil {
		t.Error(err)
	}
	if !strings.Contains(good.Log(), "ED25519-CERT") {
		t.Errorf("the user's certificate was not used:\n%s", good.Log())
	}
	_, err = Dial(t.Context(), Target{Host: "target"}, options(wrong, "-o", "UserKnownHostsFile="+known))
	var key *HostKeyError
	if !errors.As(err, &key) || key.Certificate == nil {
		t.Errorf("%v, want a certificate that is for another name", err)
	}
}

func TestAPassphraseIsAskedForOnceForManyConnections(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	locked := filepath.Join(h.Dir, "locked")
	real.Keygen(t, locked, "-t", "ed25519", "-N", "open sesame")
	allow(t, h, locked)
	asked := 0
	o := options(h, "-o", "IdentityFile="+locked, "-o", "IdentitiesOnly=yes")
	o.Keys = &Keys{}
	o.Ask = func(_ context.Context, q Question) (string, error) {
		asked++
		if q.Kind != AskPassphrase || q.Key != locked {
			return "", ErrNoAnswer
		}
		if q.Try == 0 {
			return "wrong", nil
		}
		return "open sesame", nil
	}
	config, err := os.ReadFile(h.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Config, bytes.Replace(config, []byte("IdentityFile "+h.Key), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	connect(t, o, "target")
	connect(t, o, "target")
	if asked != 2 {
		t.Errorf("asked %d times, want 2: a wrong answer and a right one", asked)
	}
	o.Keys, o.Ask = nil, nil
	_, err = Dial(t.Context(), Target{Host: "target"}, o)
	var denied *AuthError
	if err == nil || !strings.Contains(err.Error(), "passphrase") && !errors.As(err, &denied) {
		t.Errorf("%v, want that the key has a passphrase", err)
	}
}

func allow(t *testing.T, h *real.SSHD, key string) {
	t.Helper()
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Authorized, pub, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfTheAgentAreUsedAndLent(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	text, err := os.ReadFile(h.Key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(h.Dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	c := connect(t, options(h, "-o", "IdentityAgent="+l.Addr().String(), "-o", "IdentityFile=none", "-A"), "target")
	got, err := c.Output(t.Context(), "ssh-add -l", nil, 1000)
	if err != nil || !strings.Contains(string(got), "ED25519") {
		t.Errorf("%q %v, want the key of our agent on the host", got, err)
	}
}

func TestNobodyIsLetInWithoutAKey(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	stranger := filepath.Join(h.Dir, "stranger")
	real.Keygen(t, stranger)
	allow(t, h, stranger)
	_, err := Dial(t.Context(), Target{Host: "target"}, options(h))
	var denied *AuthError
	if !errors.As(err, &denied) || !strings.Contains(err.Error(), h.Key) {
		t.Errorf("%v, want that the host refused %s", err, h.Key)
	}
}

func TestJumpHostsAndProxyCommandsLeadToTheHost(t *testing.T) {
	first, last := real.StartSSHD(t), real.StartSSHD(t)
	if first == nil {
		return
	}
	text := fmt.Sprintf("Host bastion\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  UserKnownHostsFile %s\nHost end*\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  UserKnownHostsFile %s\nHost endjump\n  ProxyJump bastion\nHost endcommand\n  ProxyCommand ssh -F %%d/none -o UserKnownHostsFile=%s -i %s -p %d -W %%h:%%p 127.0.0.1\nHost *\n  IdentityAgent none\n  GlobalKnownHostsFile none\n",
		first.Port, first.Key, first.KnownHosts, last.Port, last.Key, last.KnownHosts, first.KnownHosts, first.Key, first.Port)
	text = strings.ReplaceAll(text, "-F %d/none", "-F none")
	config := filepath.Join(first.Dir, "jumps")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"endjump", "endcommand"} {
		c := connect(t, Options{Config: config, Timeout: 20 * time.Second, System: Never}, host)
		got, err := c.Output(t.Context(), "echo $SSH_CONNECTION", nil, 1000)
		if err != nil || !strings.HasSuffix(strings.TrimSpace(string(got)), " "+strconv.Itoa(last.Port)) {
			t.Errorf("%s: %q %v, want a connection to port %d", host, got, err, last.Port)
		}
	}
	_, err := Dial(t.Context(), Target{Host: "endcommand"}, Options{Config: config, Args: []string{"-o", "ProxyCommand=echo gone >&2; exit 3"}, Timeout: 20 * time.Second})
	var away *UnreachableError
	if !errors.As(err, &away) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%v, want what the ProxyCommand said", err)
	}
}

func TestALostConnectionIsToldAsUnreachable(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	for _, system := range []System{Never, Always} {
		o := options(h)
		o.System = system
		c, err := Dial(t.Context(), Target{Host: "target"}, o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Start(t.Context(), "echo there; exec cat")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p.Stdout, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		h.Cut(t)
		_, _ = io.Copy(io.Discard, p.Stdout)
		err = p.Wait()
		var away *UnreachableError
		if !errors.As(err, &away) || !away.Lost {
			t.Errorf("%q: %v, want a lost connection", system, err)
		}
		<-c.Done()
		_ = c.Close()
	}
}

func TestASilentHostIsGivenUp(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	c := connect(t, options(h, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"), "target")
	if err := c.Run(t.Context(), "true", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, pid := range h.Sessions(t) {
		freeze(t, pid)
	}
	select {
	case <-c.Done():
	case <-time.After(20 * time.Second):
		t.Error("a host that stopped answering was waited for")
	}
}

func TestACancelledCommandIsNotWaitedFor(t *testing.T) {
	h := real.StartSSHD(t)
	if h == nil {
		return
	}
	c := connect(t, options(h), "target")
	ctx, cancel := context.WithCancelCause(t.Context())
	p, err := c.Start(ctx, "echo $$; exec cat")
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 20)
	n, err := p.Stdout.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	cancel(why)
	if err := p.Wait(); !errors.Is(err, why) {
		t.Errorf("%v, want the reason of the end", err)
	}
	pid := strings.TrimSpace(string(line[:n]))
	real.Eventually(t, 10*time.Second, "the command is gone", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
	if _, err := Dial(ctx, Target{Host: "target"}, options(h)); !errors.Is(err, why) {
		t.Errorf("dialling after the end: %v", err)
	}
}

func TestWhoIsNotThereIsUnreachable(t *testing.T) {
	port := real.FreePort(t)
	for host, want := range map[string]string{"127.0.0.1": "nothing listens", "no-such-host.invalid": "resolver"} {
		_, err := Dial(t.Context(), Target{Host: host, Port: port}, Options{Config: "none", Timeout: 5 * time.Second})
		var away *UnreachableError
		if !errors.As(err, &away) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	_, err = Dial(t.Context(), Target{Host: "127.0.0.1", Port: mute.Addr().(*net.TCPAddr).Port}, Options{Config: "none", Timeout: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "handshake within 300ms") {
		t.Errorf("%v, want that the handshake took too long", err)
	}
	for _, bad := range []Target{{Host: "-oProxyCommand=x"}, {Host: "a\nb"}, {Host: ""}, {Host: "a", User: "-x"}} {
		if _, err := Dial(t.Context(), bad, Options{Config: "none"}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
