package moduletest

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"goodstate.dev/goodstate/drift/module"
)

// order is what the test asks a process in a namespace of its own to do; answer is one line of JSON.
type order struct {
	Op     string // fresh, ours, ansible, sh, tree
	Call   Call
	Script string
}

type answer struct {
	Result map[string]any `json:",omitempty"`
	Tree   Tree           `json:",omitempty"`
	Error  string         `json:",omitempty"`
}

const roleVar = "MODULETEST_ROLE"

//go:embed judge.py
var judge string

// Main takes over when the test binary was started as one of the processes of a scratch root; the test's TestMain calls it first.
func Main() {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		return
	case "server":
		err = serve(os.Args[len(os.Args)-1])
	case "worker":
		err = work()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve owns the mounts: it is in a mount namespace of its own, so that all of them go with it.
func serve(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("a file system in memory for the scratch root: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	s := &server{dir: dir, name: name}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	in.UseNumber()
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return s.close()
		} else if err != nil {
			return err
		}
		a, err := s.do(o)
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

type server struct {
	dir    string
	name   string // of the host
	n      int
	worker *pipe // our modules, inside of the root
	judge  *pipe // Ansible's, which goes into the root for each call
	init   *exec.Cmd
}

func (s *server) root() string  { return filepath.Join(s.dir, fmt.Sprint(s.n), "root") }
func (s *server) upper() string { return filepath.Join(s.dir, fmt.Sprint(s.n), "upper") }

func (s *server) do(o order) (a answer, err error) {
	switch o.Op {
	case "fresh":
		return a, s.fresh()
	case "ours":
		if s.worker == nil {
			if s.worker, err = s.startPipe("/proc/self/exe", roleVar+"=worker"); err != nil {
				return a, err
			}
		}
		return a, s.worker.ask(o.Call, &a.Result)
	case "ansible":
		if s.judge == nil {
			if s.judge, err = s.startPipe("/usr/bin/python3", "PYTHONDONTWRITEBYTECODE=1"); err != nil {
				return a, err
			}
		}
		if s.init == nil {
			o.Call.Root = s.root()
		}
		return a, s.judge.ask(o.Call, &a.Result)
	case "sh":
		cmd := exec.Command("/bin/sh", "-euc", o.Script)
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: s.root()}
		s.enter(cmd)
		out, err := cmd.CombinedOutput()
		a.Result = map[string]any{"stdout": string(out)}
		if err != nil {
			return a, fmt.Errorf("the script: %w: %s", err, out)
		}
		return a, nil
	case "boot":
		return a, s.boot()
	case "tree":
		a.Tree, err = readTree(s.upper())
		return a, err
	}
	return a, fmt.Errorf("unknown order %q", o.Op)
}

// fresh puts a new empty layer over the machine's own files.
func (s *server) fresh() error {
	if s.worker != nil {
		if err := s.worker.close(); err != nil {
			return err
		}
		s.worker = nil
	}
	if s.init != nil && s.judge != nil {
		if err := s.judge.close(); err != nil {
			return err
		}
		s.judge = nil
	}
	s.halt()
	if err := syscall.Sethostname([]byte(s.name)); err != nil { // of this namespace only
		return err
	}
	if s.n > 0 {
		if err := syscall.Unmount(s.root(), syscall.MNT_DETACH); err != nil {
			return err
		}
		_ = os.RemoveAll(filepath.Dir(s.root())) // memory is all that it costs when something is still busy
	}
	s.n++
	work := filepath.Join(s.dir, fmt.Sprint(s.n), "work")
	for _, dir := range []string{s.root(), s.upper(), work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	options := "lowerdir=/,upperdir=" + s.upper() + ",workdir=" + work
	if err := syscall.Mount("overlay", s.root(), "overlay", 0, options); err != nil {
		return fmt.Errorf("a layer over the machine's files: %w", err)
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"proc", "proc", "proc", 0},
		{"/sys", "sys", "", syscall.MS_BIND | syscall.MS_REC},
		{"/dev", "dev", "", syscall.MS_BIND | syscall.MS_REC},
		{"tmpfs", "run", "tmpfs", 0},
		{"tmpfs", "tmp", "tmpfs", 0},
	} {
		if err := syscall.Mount(m.source, filepath.Join(s.root(), m.target), m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting /%s of the scratch root: %w", m.target, err)
		}
	}
	return os.Chmod(filepath.Join(s.root(), "tmp"), 0o777|os.ModeSticky)
}

// boot starts the root's own systemd as process 1 of a namespace.
func (s *server) boot() error {
	dev := filepath.Join(s.root(), "dev")
	if err := syscall.Mount("tmpfs", dev, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		path := filepath.Join(dev, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			return err
		}
		if err := syscall.Mount("/dev/"+name, path, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	if err := syscall.Mount("cgroup2", filepath.Join(s.root(), "sys/fs/cgroup"), "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("cgroups of the scratch root: %w", err)
	}
	own := filepath.Join(s.root(), "sys/fs/cgroup", fmt.Sprintf("gs-%d", os.Getpid()))
	if err := os.MkdirAll(own, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("a cgroup of its own for the scratch root: %w", err)
	}
	cmd := exec.Command("/bin/sh", "-c", "umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t proc proc /proc && exec /lib/systemd/systemd --system --unit=basic.target --log-target=null")
	cmd.Dir, cmd.Env = "/", []string{"container=goodstate", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: s.root(), Pdeathsig: syscall.SIGKILL, Setsid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
	}
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.root(), "gs-worker"), binary, 0o755); err != nil {
		return err
	}
	for _, p := range []**pipe{&s.worker, &s.judge} { // they start anew, inside
		if *p != nil {
			if err := (*p).close(); err != nil {
				return err
			}
			*p = nil
		}
	}
	s.init = cmd
	return cmd.Start()
}

// halt ends systemd with all that it started, and removes its cgroups.
func (s *server) halt() {
	if s.init == nil {
		return
	}
	_ = s.init.Process.Kill() // it is process 1 of its own namespace: everything in there ends with it
	_ = s.init.Wait()         // killed
	s.init = nil
	top := filepath.Join(s.root(), "sys/fs/cgroup")
	_ = os.WriteFile(filepath.Join(top, "cgroup.procs"), []byte("0"), 0) // a cgroup with a process in it cannot go
	var dirs []string
	_ = filepath.WalkDir(filepath.Join(top, fmt.Sprintf("gs-%d", os.Getpid())), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = syscall.Rmdir(dirs[i]) // one that is left costs nothing
	}
}

func (s *server) close() error {
	var errs []error
	for _, p := range []*pipe{s.worker, s.judge} {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	s.halt()
	return errors.Join(errs...)
}

// pipe is a process that answers lines with lines.
type pipe struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// enter makes a command start where systemd is process 1: it talks only to processes that it can see.
func (s *server) enter(cmd *exec.Cmd) {
	if s.init == nil {
		return
	}
	nsenter := exec.Command("nsenter", "-t", fmt.Sprint(s.init.Process.Pid), "-m", "-p", "-i", "-C", "-r", "-w")
	cmd.Args = append(nsenter.Args, cmd.Args...)
	cmd.Path, cmd.SysProcAttr = nsenter.Path, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func (s *server) startPipe(path string, env ...string) (*pipe, error) {
	root := s.root()
	if path == "/usr/bin/python3" {
		root = "" // it goes there for each call
	} else if s.init != nil {
		path = "/gs-worker"
	}
	cmd := exec.Command(path)
	if path == "/usr/bin/python3" {
		cmd = exec.Command(path, "-c", judge)
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, roleVar+"=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr, cmd.Dir = os.Stderr, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Pdeathsig: syscall.SIGKILL}
	s.enter(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return &pipe{cmd, in, bufio.NewReaderSize(out, 1<<20)}, nil
}

func (p *pipe) ask(call Call, result *map[string]any) error {
	line, err := json.Marshal(call)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return err
	}
	text, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	return json.Unmarshal(text, result)
}

func (p *pipe) close() error {
	_ = p.in.Close() // it ends with its input
	return p.cmd.Wait()
}

// work runs our modules in the root that this process was started in.
func work() error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	in.UseNumber()
	for {
		var c Call
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r := module.Run(context.Background(), module.Call{
			Module: c.Module, Args: c.Args, Check: c.Check, Diff: c.Diff, Env: c.Env, Dir: c.Dir,
			Blob: func(hash string) (io.ReadCloser, error) { return os.Open("/blobs/" + hash) },
		})
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}
