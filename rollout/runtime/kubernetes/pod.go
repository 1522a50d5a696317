package kubernetes

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"goodstate.dev/goodstate/rollout/runtime"
)

// hopeless are the reasons for which a container waits and that no waiting mends: somebody has to change something.
var hopeless = map[string]bool{
	"ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true, "ImageInspectError": true, "RegistryUnavailable": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
}

// active says that a pod is or will be an instance: it has not ended and is not about to.
func active(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodSucceeded
}

// number is the number that a pod was given; -1: none yet.
func number(p *corev1.Pod) int {
	n, err := strconv.Atoi(p.Annotations[annInstance])
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// assign says which pod is which instance. Pods keep the numbers that they were given while those are wanted; the others get what is free, the oldest
// pod the lowest number.
func assign(wanted []int, all []*corev1.Pod) map[int]*corev1.Pod {
	out := map[int]*corev1.Pod{}
	var rest []*corev1.Pod
	ordered := slices.Clone(all)
	slices.SortFunc(ordered, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range ordered {
		n := number(p)
		switch {
		case !active(p):
		case n >= 0 && slices.Contains(wanted, n) && out[n] == nil:
			out[n] = p
		default:
			rest = append(rest, p)
		}
	}
	for _, n := range wanted {
		if out[n] == nil && len(rest) > 0 {
			out[n], rest = rest[0], rest[1:]
		}
	}
	return out
}

// mainOf is the container that is the instance.
func mainOf(p *corev1.Pod, name string) string {
	if name == "" && len(p.Spec.Containers) > 0 {
		return p.Spec.Containers[0].Name
	}
	return name
}

func statusOf(p *corev1.Pod, container string) *corev1.ContainerStatus {
	for i := range p.Status.ContainerStatuses {
		if p.Status.ContainerStatuses[i].Name == container {
			return &p.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// trouble is a reason for which the pod cannot start, "" without one.
func trouble(p *corev1.Pod, restarts int) string {
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil && hopeless[w.Reason] {
			return fmt.Sprintf("%s of container %s (%s): %s", w.Reason, c.Name, c.Image, strings.TrimSpace(w.Message))
		}
	}
	for _, c := range p.Status.InitContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason == "CrashLoopBackOff" && int(c.RestartCount) >= restarts {
			return fmt.Sprintf("CrashLoopBackOff of init container %s: %s", c.Name, ended(p, &c))
		}
	}
	return ""
}

// ended says how a container ended last, "" when it never did.
func ended(p *corev1.Pod, c *corev1.ContainerStatus) string {
	t := c.State.Terminated
	if t == nil {
		t = c.LastTerminationState.Terminated
	}
	switch {
	case t == nil:
		return ""
	case t.Reason == "OOMKilled":
		for _, of := range p.Spec.Containers {
			if limit := of.Resources.Limits.Memory(); of.Name == c.Name && !limit.IsZero() {
				return fmt.Sprintf("killed: memory over its limit of %d MiB (OOMKilled)", limit.Value()>>20)
			}
		}
		return "killed: its node had no memory left (OOMKilled)"
	case t.Signal != 0:
		return fmt.Sprintf("killed by signal %d", t.Signal)
	case t.Reason != "" && t.Reason != "Error" && t.Reason != "Completed":
		return strings.TrimSpace(fmt.Sprintf("%s: exit code %d %s", t.Reason, t.ExitCode, t.Message))
	}
	return fmt.Sprintf("exit code %d", t.ExitCode)
}

// started says that the pod's containers were started once, so that there is something to look at, or why they never will be.
func started(p *corev1.Pod, container string, restarts int) (ok bool, waitsFor string) {
	if trouble(p, restarts) != "" {
		return true, ""
	}
	c := statusOf(p, mainOf(p, container))
	if p.Status.PodIP != "" && c != nil && (c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil) {
		return true, ""
	}
	for _, cond := range p.Status.Conditions {
		if cond.Status != corev1.ConditionTrue && cond.Message != "" && (cond.Type == corev1.PodScheduled || cond.Type == corev1.PodInitialized) {
			return false, cond.Reason + ": " + cond.Message
		}
	}
	if c != nil && c.State.Waiting != nil {
		return false, strings.TrimRight(c.State.Waiting.Reason+": "+c.State.Waiting.Message, ": ")
	}
	return false, "phase " + string(p.Status.Phase)
}

// instance fills in what the pod's status says. Restarts are those that the release allows: with more it counts as ended, although the cluster goes on trying.
func instance(i runtime.Instance, p *corev1.Pod, container string, restarts int, port string) runtime.Instance {
	i.State, i.Started = runtime.Running, p.CreationTimestamp.Time
	if p.Status.PodIP != "" && port != "" {
		i.URL = "http://" + net.JoinHostPort(p.Status.PodIP, port)
	}
	i.Unready = unready(p)
	if why := trouble(p, restarts); why != "" {
		i.State, i.Exit = runtime.Exited, why
		return i
	}
	c := statusOf(p, mainOf(p, container))
	if c == nil {
		return i
	}
	i.Exit = ended(p, c)
	i.Restarts = min(int(c.RestartCount), restarts)
	switch {
	case c.State.Running != nil:
		i.Started = c.State.Running.StartedAt.Time
	case i.Exit != "" && int(c.RestartCount) >= restarts:
		i.State = runtime.Exited
		if i.Restarts > 0 { // the cluster calls it so from the second end on
			i.Exit = fmt.Sprintf("CrashLoopBackOff: %s, restarted %d times", i.Exit, i.Restarts)
		}
	}
	return i
}

// unready says why the pod is not ready, "" when it is.
func unready(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			if c.Status == corev1.ConditionTrue {
				return ""
			}
			return strings.TrimRight(c.Reason+": "+c.Message, ": ")
		}
	}
	return "its pod has not been looked at yet"
}

// numbers reads the wanted instances of a workload.
func numbers(text string) []int {
	var out []int
	for _, word := range strings.Split(text, ",") {
		if n, err := strconv.Atoi(word); err == nil && n >= 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func words(numbers []int) string {
	var out []string
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ",")
}
