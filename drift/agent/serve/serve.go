// Package serve is the agent: what runs on a host, as one account, and carries out the calls that come over its standard input. It stands on the
// standard library and the modules alone. It must never outlive its channel, and never write to its output anything but frames.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goodstate.dev/goodstate/drift/agent/wire"
	"goodstate.dev/goodstate/drift/module"
)

const (
	// silence is how long the controller may say nothing: it pings every few seconds, so a longer silence means that it is gone and that
	// the network did not tell.
	silence = 3 * time.Minute
	// grace is how long calls under way may take to end when the channel has closed.
	grace = 5 * time.Second
	// ahead bounds the calls that wait for their turn.
	ahead = 4096
)

// Main is the agent's command line: without arguments, or with "agent", it serves; "job" carries out one call in the background.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var verb []string // the program is goodstate itself, of which the agent is a part
	if len(args) > 0 && args[0] == "agent" {
		verb, args = args[:1], args[1:]
	}
	if len(args) == 1 && args[0] == "job" {
		return jobMain(stdin, stderr)
	}
	if len(args) > 0 {
		fmt.Fprintln(stderr, "goodstate-agent is started by goodstate and has no commands of its own")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	if err := Serve(ctx, stdin, stdout, verb...); err != nil {
		fmt.Fprintln(stderr, "goodstate-agent:", err)
		return 1
	}
	return 0
}

// agent is one conversation.
type agent struct {
	verb   []string // what this program is started with to be an agent
	out    *wire.Writer
	blobs  *blobs
	python *interpreters
	heard  atomic.Int64

	mu      sync.Mutex
	cancels map[uint32]context.CancelFunc
}

type job struct {
	id   uint32
	ctx  context.Context //nolint:containedctx // it waits in a queue
	call wire.Call
}

// Serve answers until the input ends. Calls are carried out one after the other, in the order in which they came. The verb is what makes
// this program an agent, for jobs in the background.
func Serve(ctx context.Context, in io.Reader, out io.Writer, verb ...string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := &agent{verb: verb, out: wire.NewWriter(out), cancels: map[uint32]context.CancelFunc{}}
	a.blobs = newBlobs(a.out)
	defer a.blobs.remove()
	a.python = &interpreters{blobs: a.blobs}
	defer a.python.end()
	hello := wire.Hello{Version: wire.Version, PID: os.Getpid(), UID: os.Geteuid(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if err := a.say(wire.KindHello, 0, hello); err != nil {
		return err
	}
	queue := make(chan job, ahead)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.work(queue)
	}()
	heard := make(chan error, 1)
	go func() { heard <- a.listen(ctx, wire.NewReader(in), queue) }()
	a.heard.Store(time.Now().UnixNano())
	err := a.until(ctx, heard)
	stop()
	a.blobs.close()
	select {
	case <-ended:
	case <-time.After(grace):
	}
	return err
}

// until waits for the end of the conversation and says now and then that we are here.
func (a *agent) until(ctx context.Context, heard <-chan error) error {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-heard:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if time.Since(time.Unix(0, a.heard.Load())) > silence {
				return fmt.Errorf("nothing was heard from the controller for %s", silence)
			}
			if err := a.out.Write(wire.Frame{Kind: wire.KindPing}); err != nil {
				return err
			}
		}
	}
}

// listen takes frames in until the input ends.
func (a *agent) listen(ctx context.Context, in *wire.Reader, queue chan<- job) error {
	defer close(queue)
	for {
		f, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a.heard.Store(time.Now().UnixNano())
		switch f.Kind {
		case wire.KindCall:
			var call wire.Call
			if err := wire.Decode(f.Body, &call); err != nil {
				return err
			}
			of, cancel := context.WithCancel(ctx)
			a.mu.Lock()
			a.cancels[f.ID] = cancel
			a.mu.Unlock()
			select {
			case queue <- job{f.ID, of, call}:
			default:
				return fmt.Errorf("more than %d calls wait", ahead)
			}
		case wire.KindCancel:
			a.mu.Lock()
			if cancel := a.cancels[f.ID]; cancel != nil {
				cancel()
			}
			a.mu.Unlock()
		case wire.KindBlob:
			if err := a.blobs.piece(f.Body); err != nil {
				return err
			}
		case wire.KindNoBlob:
			if err := a.blobs.missing(f.Body); err != nil {
				return err
			}
		case wire.KindPing:
		default:
			return fmt.Errorf("a message of the kind %d, which this agent does not know", f.Kind)
		}
	}
}

// work carries out calls one after the other.
func (a *agent) work(queue <-chan job) {
	failed := false
	for j := range queue {
		var result module.Result
		switch {
		case j.call.Chained && failed, j.ctx.Err() != nil:
			result = module.Result{"not_run": true}
		default:
			result = a.carryOut(j.ctx, j.call)
			failed = bad(result)
		}
		a.mu.Lock()
		a.cancels[j.id]()
		delete(a.cancels, j.id)
		a.mu.Unlock()
		if a.answer(j.id, result) != nil {
			return // nobody listens any more
		}
	}
}

func bad(result module.Result) bool {
	failed, _ := result["failed"].(bool)
	unfit, _ := result["not_run"].(bool)
	return failed || unfit
}

// carryOut does what a call asks for, whoever does it.
func (a *agent) carryOut(ctx context.Context, call wire.Call) module.Result {
	switch {
	case call.Async != nil:
		return a.background(ctx, call)
	case call.Python != nil:
		return a.python.run(ctx, call)
	}
	return module.Run(ctx, of(call, func(hash string) (io.ReadCloser, error) { return a.blobs.open(ctx, hash) }))
}

// of makes a module's call of a message.
func of(call wire.Call, blob func(string) (io.ReadCloser, error)) module.Call {
	return module.Call{
		Module: call.Module, Args: call.Args, Check: call.Check, Diff: call.Diff, NoLog: call.NoLog, Verbosity: call.Verbosity,
		Env: call.Env, Dir: call.Dir, Tmp: call.Tmp, Umask: call.Umask, MaxOutput: call.MaxOutput, Blob: blob,
	}
}

func (a *agent) say(kind wire.Kind, id uint32, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return a.out.Write(wire.Frame{Kind: kind, ID: id, Body: body})
}

// answer sends a result; one that cannot be sent is told so, instead of breaking the conversation.
func (a *agent) answer(id uint32, result module.Result) error {
	body, err := json.Marshal(result)
	if err == nil && len(body) > wire.MaxFrame-1024 {
		err = fmt.Errorf("it has %d bytes, want at most %d", len(body), wire.MaxFrame-1024)
	}
	if err != nil {
		return a.say(wire.KindResult, id, module.Result{"failed": true, "msg": fmt.Sprintf("the result of the module cannot be sent: %v", err)})
	}
	return a.out.Write(wire.Frame{Kind: wire.KindResult, ID: id, Body: body})
}
