package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Container is one container of a pod.
type Container struct {
	Namespace, Pod, Name string
}

func (c Container) String() string { return c.Namespace + "/" + c.Pod + " (" + c.Name + ")" }

// ExitError says that a command in a container ended with another code than 0.
type ExitError struct {
	Code int
	Text string // the end of what it wrote to its standard error
}

func (e *ExitError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("it ended with %d: %s", e.Code, e.Text), ": ")
}

// Exec runs a command in a container through the API server, as kubectl exec does. It needs the verbs create and get on pods/exec. When ctx ends, or the connection
// breaks, the command's standard input ends; the command itself may go on.
func (c *Cluster) Exec(ctx context.Context, in Container, command []string, stdin io.Reader, stdout io.Writer) error {
	base, _, err := rest.DefaultServerUrlFor(c.Config)
	if err != nil {
		return fmt.Errorf("address of the cluster: %w", err)
	}
	q := url.Values{"container": {in.Name}, "command": command, "stdout": {"true"}, "stderr": {"true"}}
	if stdin != nil {
		q.Set("stdin", "true")
	}
	to := base.JoinPath("api", "v1", "namespaces", in.Namespace, "pods", in.Pod, "exec")
	to.RawQuery = q.Encode()
	config := rest.CopyConfig(c.Config)
	config.Timeout = 0 // it is for requests, and this may take hours
	sockets, err := remotecommand.NewWebSocketExecutor(config, "GET", to.String())
	if err != nil {
		return err
	}
	old, err := remotecommand.NewSPDYExecutor(config, "POST", to)
	if err != nil {
		return err
	}
	both, err := remotecommand.NewFallbackExecutor(sockets, old, func(err error) bool { return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) })
	if err != nil {
		return err
	}
	var said tail
	err = both.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: &said})
	var code exec.CodeExitError
	if errors.As(err, &code) {
		return fmt.Errorf("%s in %s: %w", command[0], in, &ExitError{code.Code, said.String()})
	}
	if err != nil {
		return fmt.Errorf("%s in %s: %w", command[0], in, err)
	}
	return nil
}

// tail keeps the end of what is written.
type tail struct{ text bytes.Buffer }

const tailBytes = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.text.Write(p)
	if t.text.Len() > 2*tailBytes {
		t.text.Next(t.text.Len() - tailBytes)
	}
	return len(p), nil
}

func (t *tail) String() string {
	text := t.text.String()
	return strings.TrimSpace(text[max(0, len(text)-tailBytes):])
}
