package agent

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/remote"
)

//go:embed install.sh
var installScript string

// startTime bounds the start of an agent, when the host does not say anything.
const startTime = 60 * time.Second

// start runs the agent on a host as an account, and sends it there first if it is not there.
func start(ctx context.Context, client *remote.Client, login Login, as *Become, copy string) (*session, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, &remote.UnreachableError{
		Target: client.Target, Lost: true, Err: fmt.Errorf("the agent did not start within %s", startTime),
	})
	defer cancel()
	guess, err := programFor(ctx, runtime.GOARCH)
	if err != nil {
		return nil, "", &InstallError{client.Target, err}
	}
	for range 3 {
		r, err := launch(ctx, client, login, as, guess, false, copy)
		if err != nil {
			return nil, "", err
		}
		switch r.word {
		case "ready":
			s, err := converse(ctx, client, r)
			return s, copy, err
		case "missing":
			if guess, err = r.fitting(ctx, client); err != nil {
				return nil, "", err
			}
			if copy, err = send(ctx, client, login, as, guess); err != nil {
				return nil, "", err
			}
		default:
			r.end()
			return nil, "", &InstallError{client.Target, errors.New(r.rest)}
		}
	}
	return nil, "", &InstallError{client.Target, errors.New("it was sent and is not there")}
}

// fitting finds the agent for what the host said about itself.
func (r *running) fitting(ctx context.Context, client *remote.Client) (*program, error) {
	r.end()
	system, machine, _ := strings.Cut(r.rest, " ")
	if system != "Linux" {
		return nil, &InstallError{client.Target, fmt.Errorf("the host runs %q, want Linux", system)}
	}
	arch := map[string]string{"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[machine]
	if arch == "" {
		return nil, &InstallError{client.Target, fmt.Errorf("the host's architecture is %q, want x86_64 or aarch64", machine)}
	}
	p, err := programFor(ctx, arch)
	if err != nil {
		return nil, &InstallError{client.Target, err}
	}
	return p, nil
}

// send puts the agent on the host and returns where it is.
func send(ctx context.Context, client *remote.Client, login Login, as *Become, p *program) (string, error) {
	r, err := launch(ctx, client, login, as, p, true, "")
	if err != nil {
		return "", err
	}
	defer r.end()
	if r.word != "taken" {
		return "", &InstallError{client.Target, errors.New(strings.TrimSuffix(strings.TrimSpace(r.rest), ";"))}
	}
	return r.rest, nil
}

// running is the start script, or the agent that it became.
type running struct {
	process *remote.Process
	out     *bufio.Reader
	said    *spoken
	word    string
	rest    string
}

// launch starts the script, answers the question for the password, and waits for its first word.
func launch(ctx context.Context, client *remote.Client, login Login, as *Become, p *program, take bool, copy string) (*running, error) {
	args := []string{p.hash, p.verb, "0", copy}
	if take {
		args[2] = "1"
	}
	command, err := as.wrap(script(append(args, login.Folders...)))
	if err != nil {
		return nil, err
	}
	process, err := client.Start(context.WithoutCancel(ctx), command)
	if err != nil {
		return nil, err
	}
	r := &running{process: process, out: bufio.NewReader(process.Stdout), said: &spoken{as: as, stdin: process.Stdin, kill: process.Kill}}
	stop := context.AfterFunc(ctx, process.Kill)
	defer stop()
	go r.said.listen(process.Stderr)
	err = r.hear()
	if err == nil && r.word == "send" {
		_, _ = io.Copy(process.Stdin, bytes.NewReader(p.gz)) // the script says whether it arrived
		_ = process.Stdin.Close()
		err = r.hear()
	}
	if err == nil {
		return r, nil
	}
	wait := process.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, r.explain(client, as, wait)
}

// hear takes the next word of the script in.
func (r *running) hear() error {
	line, err := r.firstLine()
	r.word, r.rest, _ = strings.Cut(line, " ")
	if err == nil {
		r.said.started()
	}
	return err
}

// firstLine reads up to our own word; what shells print when they start is passed over.
func (r *running) firstLine() (string, error) {
	for range 200 {
		line, err := r.out.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if rest, ok := strings.CutPrefix(string(line), "goodstate "); ok {
			return strings.TrimRight(rest, "\r\n"), nil
		}
	}
	return "", errors.New("the host prints too much before the agent starts")
}

// explain says why there was no word: the account was refused, or the host is gone.
func (r *running) explain(client *remote.Client, as *Become, wait error) error {
	said, asked := r.said.words()
	var lost *remote.UnreachableError
	switch {
	case errors.As(wait, &lost):
		return wait
	case as != nil:
		return as.refusal(said, asked)
	}
	return &InstallError{client.Target, fmt.Errorf("the start script said nothing (%w): %s", orNil(wait), said)}
}

func orNil(err error) error {
	if err == nil {
		return errors.New("it ended")
	}
	return err
}

func (r *running) end() {
	_ = r.process.Stdin.Close() // it has ended or ends by this
	r.process.Kill()
}

// spoken is what comes over the standard error, where questions for passwords are found.
type spoken struct {
	as    *Become
	stdin io.Writer
	kill  func()

	mu    sync.Mutex
	text  []byte
	asked int
	quiet bool // the agent runs: what looks like a question is none
}

func (s *spoken) listen(r io.Reader) {
	part := make([]byte, 4096)
	for {
		n, err := r.Read(part)
		if n > 0 {
			s.hear(part[:n])
		}
		if err != nil {
			return
		}
	}
}

func (s *spoken) hear(part []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, part...)
	if over := len(s.text) - 8000; over > 0 {
		s.text = append(s.text[:0], s.text[over:]...)
	}
	if s.quiet || !s.as.asks(string(s.text)) {
		return
	}
	s.asked++
	s.text = bytes.ReplaceAll(s.text, []byte(marker), nil)
	if s.asked > 1 || s.as.Password == "" {
		s.kill() // the password is wrong, or there is none
		return
	}
	s.text = append(s.text, '\n')
	_, _ = io.WriteString(s.stdin, s.as.Password+"\n") // what comes of it is seen next
}

func (s *spoken) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = true
}

func (s *spoken) words() (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(string(s.text)), s.asked
}

// script is the command that runs the start script in a POSIX shell.
func script(args []string) string {
	line := "exec /bin/sh -c " + remote.Quote(installScript) + " goodstate"
	for _, a := range args {
		line += " " + remote.Quote(a)
	}
	return line
}
