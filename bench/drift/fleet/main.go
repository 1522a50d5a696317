// Command fleet stands in for thousands of hosts: one process that speaks SSH on an address of 127.0.0.0/8 for each of them, and answers the agent's protocol as hosts do
// on which everything is as a playbook says. Every fiftieth has one file that somebody edited. Only what controllers cost is measured against it.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/crypto/ssh"

	"goodstate.dev/goodstate/drift/agent/wire"
	"goodstate.dev/goodstate/drift/module"
)

// edited is how many hosts there are to one that has drifted.
const edited = 50

func main() {
	hosts := flag.Int("hosts", 5000, "how many hosts")
	dir := flag.String("dir", "", "folder for inventory, key and known hosts")
	port := flag.Int("port", 2222, "port of all hosts")
	flag.Parse()
	if err := run(*hosts, *dir, *port); err != nil {
		log.Fatal(err)
	}
}

func address(i int) string { return fmt.Sprintf("127.20.%d.%d", i/250+1, i%250+1) }

func run(hosts int, dir string, port int) error {
	limit := &syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, limit); err == nil {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, limit); err != nil {
			return fmt.Errorf("open files: %w", err)
		}
	}
	f := &fleet{facts: module.Run(context.Background(), module.Call{Module: "ansible.builtin.setup"})}
	if err := f.prepare(hosts, dir, port); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var all sync.WaitGroup
	for i := range hosts {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("%s:%d", address(i), port))
		if err != nil {
			return fmt.Errorf("host %d: %w", i+1, err)
		}
		context.AfterFunc(ctx, func() { _ = l.Close() }) // the process ends
		all.Go(func() { f.listen(l, i%edited == 0) })
	}
	fmt.Printf("%d hosts are up\n", hosts)
	<-ctx.Done()
	all.Wait()
	fmt.Printf("%d logins, %d calls\n", f.logins.Load(), f.calls.Load())
	return nil
}

type fleet struct {
	conf          *ssh.ServerConfig
	facts         module.Result
	logins, calls atomic.Int64
}

// prepare writes what a controller needs: an inventory, a key that is let in, and who the hosts are.
func (f *fleet) prepare(hosts int, dir string, port int) error {
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	_, userKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	host, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		return err
	}
	user, err := ssh.NewSignerFromKey(userKey)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(userKey, "fleet")
	if err != nil {
		return err
	}
	allowed := string(user.PublicKey().Marshal())
	f.conf = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != allowed {
			return nil, errors.New("another key")
		}
		return nil, nil
	}}
	f.conf.AddHostKey(host)
	var inventory, known strings.Builder
	inventory.WriteString("[fleet]\n")
	for i := range hosts {
		fmt.Fprintf(&inventory, "node%04d ansible_host=%s\n", i+1, address(i))
		fmt.Fprintf(&known, "[%s]:%d %s", address(i), port, ssh.MarshalAuthorizedKey(host.PublicKey()))
	}
	id, knownHosts := filepath.Join(dir, "id"), filepath.Join(dir, "known_hosts")
	fmt.Fprintf(&inventory, "\n[fleet:vars]\nansible_port=%d\nansible_user=root\nansible_ssh_private_key_file=%s\nansible_ssh_common_args=-o UserKnownHostsFile=%s\n", port, id, knownHosts)
	for path, text := range map[string]string{id: string(pem.EncodeToMemory(block)), knownHosts: known.String(), filepath.Join(dir, "hosts.ini"): inventory.String()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) listen(l net.Listener, drifted bool) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close() // the other side has ended or will see it
			if err := f.login(conn, drifted); err != nil {
				log.Print(err)
			}
		}()
	}
}

func (f *fleet) login(conn net.Conn, drifted bool) error {
	_, channels, requests, err := ssh.NewServerConn(conn, f.conf)
	if err != nil {
		return fmt.Errorf("login at %s: %w", conn.LocalAddr(), err)
	}
	f.logins.Add(1)
	go ssh.DiscardRequests(requests)
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "sessions only") // the controller learns it by this
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			return err
		}
		go func() {
			for r := range requests {
				ok := r.Type == "exec" || r.Type == "env"
				if r.WantReply {
					_ = r.Reply(ok, nil) // it is gone otherwise
				}
				if r.Type == "exec" {
					go func() {
						defer channel.Close() // the conversation is over
						if err := f.converse(channel, drifted); err != nil {
							log.Print(err)
						}
					}()
				}
			}
		}()
	}
	return nil
}

// converse is the agent: it is there already, says so, and answers.
func (f *fleet) converse(channel io.ReadWriter, drifted bool) error {
	if _, err := io.WriteString(channel, "goodstate ready\n"); err != nil {
		return err
	}
	out, in := wire.NewWriter(channel), wire.NewReader(channel)
	say := func(kind wire.Kind, id uint32, what any) error {
		body, err := json.Marshal(what)
		if err != nil {
			return err
		}
		return out.Write(wire.Frame{Kind: kind, ID: id, Body: body})
	}
	if err := say(wire.KindHello, 0, wire.Hello{Version: wire.Version, PID: 1, OS: "linux", Arch: runtime.GOARCH}); err != nil {
		return err
	}
	for {
		frame, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if frame.Kind != wire.KindCall {
			continue
		}
		var call wire.Call
		if err := wire.Decode(frame.Body, &call); err != nil {
			return err
		}
		f.calls.Add(1)
		if err := say(wire.KindResult, frame.ID, f.answer(call, drifted)); err != nil {
			return err
		}
	}
}

// answer is what a module says on a host that is as the playbook says.
func (f *fleet) answer(call wire.Call, drifted bool) module.Result {
	name := call.Module[strings.LastIndex(call.Module, ".")+1:]
	args := call.Args
	switch name {
	case "setup", "gather_facts":
		return f.facts
	case "stat":
		return module.Result{"changed": false, "stat": map[string]any{"exists": true, "isdir": false, "isreg": true, "mode": "0640", "size": 100}}
	case "command", "shell":
		line := fmt.Sprint(args["_raw_params"], args["argv"])
		res := module.Result{"changed": true, "rc": 0, "stdout": "6.1.0", "stdout_lines": []string{"6.1.0"}, "stderr": "", "stderr_lines": []string{}, "cmd": line}
		if strings.Contains(line, "nonexistent") {
			res["rc"], res["failed"], res["msg"], res["stdout"] = 1, true, "non-zero return code", ""
		}
		return res
	case "lineinfile":
		if drifted && args["path"] == "/etc/ssh/sshd_config" {
			return module.Result{"changed": true, "msg": "line replaced", "diff": []any{map[string]any{"before": "MaxAuthTries 60\n", "after": "MaxAuthTries 4\n", "before_header": "/etc/ssh/sshd_config (content)", "after_header": "/etc/ssh/sshd_config (content)"}}}
		}
	}
	return module.Result{"changed": false}
}
