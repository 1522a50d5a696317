package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"goodstate.dev/goodstate/backup/source/kubernetes/mover"
	"goodstate.dev/goodstate/backup/storage/wire"
	"goodstate.dev/goodstate/core/kube"
)

// moverContainer is the name of the only container of a mover's pod.
const moverContainer = "mover"

// program is where the mover's image has goodstate.
const program = "/goodstate"

// carrier is a pod with one claim mounted, in which movers work.
type carrier struct {
	*copying
	namespace, claim string
	node             string // where the pod must run, if anywhere
	write            bool
}

// pod describes the mover: it may read and write all files of the volume, and has nothing else.
func (c *carrier) pod(name string) *unstructured.Unstructured {
	spec := map[string]any{
		"restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": int64(1),
		"securityContext": map[string]any{"runAsUser": int64(0), "runAsGroup": int64(0), "runAsNonRoot": false, "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
		"volumes":         []any{map[string]any{"name": "volume", "persistentVolumeClaim": map[string]any{"claimName": c.claim}}},
		"containers": []any{map[string]any{
			"name": moverContainer, "image": c.opt.Image, "command": []any{program, "mover", "wait"}, "imagePullPolicy": "IfNotPresent",
			"volumeMounts": []any{map[string]any{"name": "volume", "mountPath": mover.Volume, "readOnly": !c.write}},
			"resources":    map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "128Mi"}, "limits": map[string]any{"memory": "1Gi"}},
			"securityContext": map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
				"capabilities": map[string]any{"drop": []any{"ALL"}, "add": capabilities(c.write)},
			},
		}},
	}
	if c.node != "" { // by affinity and not by name, so that the scheduler still looks whether there is room
		spec["affinity"] = map[string]any{"nodeAffinity": map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{"nodeSelectorTerms": []any{
			map[string]any{"matchFields": []any{map[string]any{"key": "metadata.name", "operator": "In", "values": []any{c.node}}}},
		}}}}
		spec["tolerations"] = []any{map[string]any{"operator": "Exists"}}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": c.namespace, "labels": c.marks()}, "spec": spec,
	}}
}

// capabilities are those that a mover needs to read what belongs to others, and to make it theirs again. All are allowed by the baseline level of pod security.
func capabilities(write bool) []any {
	if !write {
		return []any{"DAC_OVERRIDE"}
	}
	return []any{"DAC_OVERRIDE", "CHOWN", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}
}

// tries is how many movers are started for one volume: pods are evicted, nodes die.
const tries = 5

// carry has a mover do a job, and starts others where one dies.
func (c *carrier) carry(ctx context.Context, j mover.Job, say func(mover.Progress)) (out mover.Outcome, err error) {
	if c.opt.Image == "" {
		return out, errors.New("no image is given for the mover: say volumes.image, an image with goodstate in it")
	}
	for try := range tries {
		var again bool
		out, again, err = c.once(ctx, fmt.Sprintf("%.40s-%s-%s%d", c.claim, c.id, j.Do[:1], try), j, say)
		if err == nil || !again || ctx.Err() != nil {
			return out, err
		}
		c.opt.Say(fmt.Sprintf("the mover of %s/%s ended early (%v); another one goes on", c.namespace, c.claim, err))
	}
	return out, fmt.Errorf("after %d movers: %w", tries, err)
}

// once is one pod. Again says that another one may do better.
func (c *carrier) once(ctx context.Context, name string, j mover.Job, say func(mover.Progress)) (out mover.Outcome, again bool, err error) {
	pods := c.in(podsKind, c.namespace)
	err = patiently(ctx, func() error {
		_, err := pods.Create(ctx, c.pod(name), metav1.CreateOptions{FieldManager: "goodstate"})
		return ignore(err, apierrors.IsAlreadyExists) // an answer was lost
	})
	if err != nil {
		return out, false, fmt.Errorf("start a mover: %w", kube.Explain(err))
	}
	defer func() { err = errors.Join(err, c.remove(context.WithoutCancel(ctx), name)) }()
	err = await(ctx, c.opt.Ready, func() (bool, string, error) {
		pod, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		phase, why := phase(pod)
		if phase == "Failed" || phase == "Succeeded" {
			return false, "", fmt.Errorf("the mover ended before it began: %s", why)
		}
		return phase == "Running", why, nil
	})
	if err != nil {
		return out, gone(err), fmt.Errorf("mover %s/%s does not start: %w", c.namespace, name, err)
	}
	out, err = c.work(ctx, name, j, say)
	var failed *kube.ExitError
	return out, err != nil && !(errors.As(err, &failed) && failed.Code == 1), err // 1 is the mover's own word; with others it was killed
}

// phase is that of a pod, with what keeps it from running.
func phase(pod *unstructured.Unstructured) (phase, why string) {
	phase = text(pod, "status", "phase")
	why = "it is " + phase
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	for _, c := range conditions {
		if m, _ := c.(map[string]any); m["status"] == "False" && m["message"] != nil {
			why = fmt.Sprint(m["message"])
		}
	}
	statuses, _, _ := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
	for _, s := range statuses {
		m, _ := s.(map[string]any)
		for _, at := range []string{"waiting", "terminated"} {
			if state, ok, _ := unstructured.NestedMap(m, "state", at); ok {
				if message, _ := state["message"].(string); message != "" {
					why = fmt.Sprintf("%v: %s", state["reason"], message)
				}
			}
		}
	}
	return phase, why
}

// work opens the stream to a mover and answers it until it has done its job.
func (c *carrier) work(ctx context.Context, pod string, j mover.Job, say func(mover.Progress)) (out mover.Outcome, err error) {
	ended := false
	l := &wire.Lender{Storage: c.repo.Storage(), May: rights(j)}
	l.Answer = func(_ context.Context, question string, body []byte) ([]byte, error) {
		switch question {
		case mover.AskJob:
			return json.Marshal(j)
		case mover.AskSay:
			var p mover.Progress
			if err := json.Unmarshal(body, &p); err != nil {
				return nil, err
			}
			say(p)
			return nil, nil
		case mover.AskOutcome:
			ended = true
			return nil, json.Unmarshal(body, &out)
		}
		return nil, fmt.Errorf("%q is not answered", question)
	}
	from, write := io.Pipe()
	read, to := io.Pipe()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		err := l.Serve(ctx, from, to)
		_ = to.Close() // a pipe of ours
		served <- err
	}()
	err = c.cluster.Exec(ctx, kube.Container{Namespace: c.namespace, Pod: pod, Name: moverContainer}, []string{program, "mover", "work"}, read, write)
	_ = write.Close()
	_ = to.Close() // what is read from it ends, and answers to nobody do
	if lent := <-served; err == nil {
		err = lent
	}
	if err == nil && !ended {
		err = errors.New("the mover ended without saying what it did")
	}
	return out, err
}

func rights(j mover.Job) wire.Rights {
	switch j.Do {
	case mover.Copy:
		return wire.Adding
	case mover.Restore:
		return wire.Reading
	}
	return wire.Rights{}
}

// remove deletes a mover's pod and waits until it is away, so that its volume can be mounted elsewhere.
func (c *carrier) remove(ctx context.Context, name string) error {
	pods := c.in(podsKind, c.namespace)
	zero := int64(0)
	opt := metav1.DeleteOptions{}
	end := time.Now().Add(30 * time.Second)
	err := await(ctx, c.opt.Ready, func() (bool, string, error) {
		if time.Now().After(end) {
			opt.GracePeriodSeconds = &zero // its node does not answer
		}
		err := pods.Delete(ctx, name, opt)
		return gone(err), "it is there yet", ignore(err, apierrors.IsNotFound)
	})
	if err != nil {
		return fmt.Errorf("remove the mover %s/%s: %w", c.namespace, name, err)
	}
	return nil
}
