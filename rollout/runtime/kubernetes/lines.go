package kubernetes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/rollout/runtime"
)

const (
	keptLinesOf  = 1000    // lines of a pod that are kept when it goes
	longestLog   = 4 << 20 // bytes of a log that are read
	lastLineWait = 5 * time.Second
)

// logOf says which lines of a container are read.
type logOf struct {
	pod, container   string
	lines            int
	previous, follow bool // of its run before; until it ends
}

func (s *space) read(ctx context.Context, o logOf) (io.ReadCloser, error) {
	config := rest.CopyConfig(s.cluster.Config)
	config.GroupVersion, config.APIPath = &corev1.SchemeGroupVersion, "/api"
	config.NegotiatedSerializer = serializer.NewCodecFactory(kuberuntime.NewScheme()).WithoutConversion()
	if o.follow {
		config.Timeout = 0
	}
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the logs: %w", err)
	}
	ask := client.Get().Namespace(s.namespace).Resource("pods").Name(o.pod).SubResource("log").Param("container", o.container).Param("tailLines", strconv.Itoa(o.lines))
	switch {
	case o.follow:
		ask = ask.Param("follow", "true")
	case o.previous:
		ask = ask.Param("previous", "true")
	}
	return ask.Stream(ctx)
}

// tail reads the last lines of a container, none where it has not been started.
func (s *space) tail(ctx context.Context, pod, container string, lines int, previous bool) ([]string, error) {
	in, err := s.read(ctx, logOf{pod: pod, container: container, lines: lines, previous: previous})
	if apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("log of pod %s in %s: %w", pod, s.name, kube.Explain(err))
	}
	defer func() { _ = in.Close() }() // only read
	out, err := lastOf(io.LimitReader(in, longestLog), lines)
	if err != nil {
		return out, fmt.Errorf("log of pod %s in %s: %w", pod, s.name, err)
	}
	return out, nil
}

// lastOf keeps the last lines of what is read.
func lastOf(in io.Reader, lines int) ([]string, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	var out []string
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			if out = append(out, strings.TrimRight(line, "\n")); len(out) > lines {
				out = out[1:]
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// lines are the last lines of an instance's pod, with those of the run before where its container was started again.
func (s *space) lines(ctx context.Context, i runtime.Instance, lines int) ([]string, error) {
	pod, err := s.podOf(ctx, i)
	if err != nil {
		return nil, err
	}
	if pod == nil {
		return keptLines(s.logs, i.ID, lines)
	}
	return s.linesOf(ctx, pod, lines)
}

func (s *space) linesOf(ctx context.Context, pod *corev1.Pod, lines int) ([]string, error) {
	container := mainOf(pod, s.container)
	for _, c := range pod.Status.InitContainerStatuses { // where it hangs in one of these, that one has something to say
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			container = c.Name
			break
		}
	}
	out, err := s.tail(ctx, pod.Name, container, lines, false)
	if err != nil {
		return nil, err
	}
	if c := statusOf(pod, container); c != nil && c.RestartCount > 0 && len(out) < lines {
		before, err := s.tail(ctx, pod.Name, container, lines-len(out), true)
		if err == nil {
			out = append(before, out...)
		}
	}
	return out, nil
}

// podOf is the pod of an instance now; nil where it has none.
func (s *space) podOf(ctx context.Context, i runtime.Instance) (*corev1.Pod, error) {
	d, err := s.get(ctx, deployments, objectName(i.Service, i.Release))
	if err != nil || d == nil {
		return nil, err
	}
	all, err := s.podsOf(ctx, runtime.Spec{Service: i.Service, Release: i.Release})
	if err != nil {
		return nil, err
	}
	return assign(numbers(d.GetAnnotations()[annInstances]), all)[i.Index], nil
}

// keepLines follows the pod's log until it is gone, and keeps the last lines on this machine. The returned function waits for the end.
func (s *space) keepLines(ctx context.Context, id string, pod *corev1.Pod) (wait func() error) {
	limited, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.follow(limited, id, pod) }()
	return func() error {
		defer stop()
		late := time.NewTimer(lastLineWait)
		defer late.Stop()
		select {
		case err := <-done:
			return err
		case <-late.C: // its node does not say that it ended
			stop()
			return <-done
		}
	}
}

func (s *space) follow(ctx context.Context, id string, pod *corev1.Pod) error {
	before, err := s.linesOf(ctx, pod, keptLinesOf)
	if err != nil {
		s.log.WarnContext(ctx, "the last lines of a pod are not kept", "pod", pod.Name, "error", err)
		return nil
	}
	if err := keep(s.logs, id, before); err != nil {
		return err
	}
	in, err := s.read(ctx, logOf{pod: pod.Name, container: mainOf(pod, s.container), lines: keptLinesOf, follow: true})
	if err != nil {
		return nil //nolint:nilerr // it is gone, and what it said until then is kept
	}
	defer func() { _ = in.Close() }() // only read
	out, _ := lastOf(in, keptLinesOf) // what was read until it broke off
	if len(out) == 0 {
		return nil
	}
	return keep(s.logs, id, out)
}

func keep(dir, id string, lines []string) error {
	path, err := fileOf(dir, id)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the last lines of %s: %w", id, err)
	}
	return nil
}

// keptLines are the last lines of a pod that is gone; nil where none are kept.
func keptLines(dir, id string, lines int) ([]string, error) {
	path, err := fileOf(dir, id)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last lines of %s: %w", id, err)
	}
	all := strings.Split(string(text), "\n")
	return all[max(0, len(all)-lines):], nil
}

func fileOf(dir, id string) (string, error) {
	if id == "" || id[0] == '.' || strings.ContainsAny(id, "/\x00") {
		return "", fmt.Errorf("%q is not the id of an instance", id)
	}
	return filepath.Join(dir, id+".log"), nil
}
