// Package moduletest judges the modules of playbooks: each scenario runs in a scratch root, a layer over this machine's own files that is gone with
// the test, and beside it in an equal one with Ansible's own modules; results and file trees must be the same.
package moduletest

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Call is one call of a module in a root.
type Call struct {
	Module string            `json:"module"`
	Args   map[string]any    `json:"args"`
	Check  bool              `json:"check"`
	Diff   bool              `json:"diff"`
	Env    map[string]string `json:"env"`
	Dir    string            `json:"dir"`
	Root   string            `json:"root"`
}

// Root is a process with file system, host name and mounts of its own.
type Root struct {
	t   testing.TB
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
}

// NewRoot starts one. alone gives it a network of its own too. It needs root's rights, as the machines do that playbooks look after.
func NewRoot(t testing.TB, alone bool) *Root {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("scratch roots need root: run the tests as root, or in a user namespace (unshare -r)")
	}
	cmd := exec.Command("/proc/self/exe", t.TempDir())
	cmd.Env = append(os.Environ(), roleVar+"=server", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive")
	cmd.Stderr = os.Stderr
	flags := syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	if alone {
		flags |= syscall.CLONE_NEWNET
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(flags), Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a process in namespaces of its own: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it ends with its input
		if err := cmd.Wait(); err != nil {
			t.Errorf("the scratch root ended: %v", err)
		}
	})
	r := &Root{t: t, cmd: cmd, in: json.NewEncoder(in), out: json.NewDecoder(out)}
	r.Fresh()
	return r
}

func (r *Root) order(o order) answer {
	r.t.Helper()
	if err := r.in.Encode(o); err != nil {
		r.t.Fatalf("asking the scratch root: %v", err)
	}
	var a answer
	if err := r.out.Decode(&a); err != nil {
		r.t.Fatalf("the scratch root did not answer: %v", err)
	}
	if a.Error != "" {
		r.t.Fatalf("%s: %s", o.Op, a.Error)
	}
	return a
}

// Fresh forgets everything that was changed.
func (r *Root) Fresh() { r.t.Helper(); r.order(order{Op: "fresh"}) }

// Ours runs one of our modules.
func (r *Root) Ours(c Call) map[string]any {
	r.t.Helper()
	return r.order(order{Op: "ours", Call: c}).Result
}

// Ansible runs the same one of Ansible's.
func (r *Root) Ansible(c Call) map[string]any {
	r.t.Helper()
	return r.order(order{Op: "ansible", Call: c}).Result
}

// Sh runs a script as sh -eu and returns what it printed.
func (r *Root) Sh(script string) string {
	r.t.Helper()
	if script == "" {
		return ""
	}
	text, _ := r.order(order{Op: "sh", Script: script}).Result["stdout"].(string)
	return text
}

// Tree lists what was changed.
func (r *Root) Tree() Tree { r.t.Helper(); return r.order(order{Op: "tree"}).Tree }
