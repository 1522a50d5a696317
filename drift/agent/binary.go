package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// program is an agent for one architecture.
type program struct {
	hash string // SHA-256 of the bytes
	gz   []byte // the bytes, gzipped
	verb string // what it is started with
}

// shipped are agents that are part of this program, by Linux architecture. It is filled where the build tag "agents" is set.
var shipped = map[string]*program{}

var programs = struct {
	sync.Mutex
	made map[string]*program
}{made: map[string]*program{}}

// programFor finds the agent for a host: in this program, beside it, or built from the sources it was built from; and when the host is of the same kind as this
// machine, this program itself, which has the agent in it.
func programFor(ctx context.Context, arch string) (*program, error) {
	programs.Lock() // the first one builds it, the others wait
	defer programs.Unlock()
	if p := programs.made[arch]; p != nil {
		return p, nil
	}
	p, err := findProgram(ctx, arch)
	if err == nil {
		programs.made[arch] = p
	}
	return p, err
}

func findProgram(ctx context.Context, arch string) (*program, error) {
	if p := shipped[arch]; p != nil {
		return p, nil
	}
	name := "goodstate-agent-linux-" + arch
	self, selfErr := os.Executable()
	if selfErr == nil {
		if raw, err := os.ReadFile(filepath.Join(filepath.Dir(self), name)); err == nil {
			return pack(raw, "")
		}
	}
	if root := sources(); root != "" {
		raw, err := build(ctx, root, arch)
		if err == nil {
			return pack(raw, "")
		}
		selfErr = errors.Join(selfErr, err)
	}
	if runtime.GOOS == "linux" && arch == runtime.GOARCH && filepath.Base(self) == "goodstate" {
		raw, err := os.ReadFile(self)
		if err == nil {
			return pack(raw, "agent")
		}
		selfErr = errors.Join(selfErr, err)
	}
	return nil, errors.Join(fmt.Errorf("there is no agent for linux/%s: put %s beside the goodstate program (make build makes it for amd64 and arm64)", arch, name), selfErr)
}

func pack(raw []byte, verb string) (*program, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(raw)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return &program{hash: sum(raw), gz: b.Bytes(), verb: verb}, nil
}

func sum(raw []byte) string {
	h := sha256.Sum256(raw)
	return hex.EncodeToString(h[:])
}

// sources is the folder of the module that this program was built from, where it is still there: that is so for `go run` and `go test`.
func sources() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return ""
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	if _, err := os.Stat(filepath.Join(root, "cmd", "goodstate-agent", "main.go")); err != nil {
		return ""
	}
	return root
}

// build compiles the agent, once per state of its sources.
func build(ctx context.Context, root, arch string) ([]byte, error) {
	state, err := digest(root)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "goodstate", "agents")
	path := filepath.Join(dir, state[:32]+"-linux-"+arch)
	if raw, err := os.ReadFile(path); err == nil {
		return raw, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "agent")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/goodstate-agent")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the agent for linux/%s from %s: %w: %s", arch, root, err, said)
	}
	if err := os.Rename(out, path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// digest is a hash over what the agent is made from.
func digest(root string) (string, error) {
	h := sha256.New()
	for _, dir := range []string{"drift/module", "drift/agent/serve", "drift/agent/wire", "cmd/goodstate-agent"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, dir, e.Name()))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(h, "%s/%s %d\n%s", dir, e.Name(), len(text), text)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	h.Write(text)
	fmt.Fprintf(h, "%s", runtime.Version())
	return hex.EncodeToString(h.Sum(nil)), err
}
