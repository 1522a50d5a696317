package kubernetes

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"goodstate.dev/goodstate/rollout/runtime"
)

func pod(name, number string, age int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(1000-age), 0))}}
	if number != "" {
		p.Annotations = map[string]string{annInstance: number}
	}
	return p
}

func TestPodsKeepTheirNumbersAndOthersGetWhatIsFree(t *testing.T) {
	gone := pod("gone", "0", 9)
	gone.DeletionTimestamp = &metav1.Time{}
	failed := pod("failed", "1", 9)
	failed.Status.Phase = corev1.PodFailed
	for name, c := range map[string]struct {
		wanted []int
		pods   []*corev1.Pod
		want   string
	}{
		"new ones by age":                     {[]int{0, 1}, []*corev1.Pod{pod("b", "", 1), pod("a", "", 2)}, "0=a 1=b"},
		"a number stays":                      {[]int{0, 1}, []*corev1.Pod{pod("a", "1", 2), pod("b", "", 1)}, "0=b 1=a"},
		"one that is going is nobody":         {[]int{0}, []*corev1.Pod{gone, pod("b", "", 1)}, "0=b"},
		"one that failed is nobody":           {[]int{1}, []*corev1.Pod{failed, pod("b", "", 1)}, "1=b"},
		"a number that is not wanted is free": {[]int{0}, []*corev1.Pod{pod("a", "3", 1)}, "0=a"},
		"two with one number":                 {[]int{0, 1}, []*corev1.Pod{pod("a", "0", 2), pod("b", "0", 1)}, "0=a 1=b"},
		"more pods than wanted":               {[]int{0}, []*corev1.Pod{pod("a", "", 2), pod("b", "", 1)}, "0=a"},
		"a number that is none":               {[]int{0}, []*corev1.Pod{pod("a", "-1", 2)}, "0=a"},
	} {
		at := assign(c.wanted, c.pods)
		got := ""
		for _, n := range c.wanted {
			if p := at[n]; p != nil {
				got += fmt.Sprintf(" %d=%s", n, p.Name)
			}
		}
		if got[min(1, len(got)):] != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAPodsStatusSaysWhatBecameOfTheInstance(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "m"}}
	}
	ended := func(reason string, code int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}
	}
	for name, c := range map[string]struct {
		now, last corev1.ContainerState
		count     int32
		state     runtime.State
		exit      string
	}{
		"it runs":                           {running, corev1.ContainerState{}, 0, runtime.Running, ""},
		"it runs again":                     {running, ended("Error", 7), 1, runtime.Running, "exit code 7"},
		"it ended once and may again":       {ended("Error", 7), corev1.ContainerState{}, 0, runtime.Running, "exit code 7"},
		"it waits before the last try":      {waiting("CrashLoopBackOff"), ended("Error", 7), 1, runtime.Running, "exit code 7"},
		"it ended too often":                {waiting("CrashLoopBackOff"), ended("Error", 7), 2, runtime.Exited, "CrashLoopBackOff: exit code 7, restarted 2 times"},
		"nobody has its image":              {waiting("ImagePullBackOff"), corev1.ContainerState{}, 0, runtime.Exited, "ImagePullBackOff of container shop (): m"},
		"its image is tried the first time": {waiting("ErrImagePull"), corev1.ContainerState{}, 0, runtime.Running, ""},
		"a Secret is missing":               {waiting("CreateContainerConfigError"), corev1.ContainerState{}, 0, runtime.Exited, "CreateContainerConfigError of container shop (): m"},
		"it took too much memory":           {waiting("CrashLoopBackOff"), ended("OOMKilled", 137), 2, runtime.Exited, "CrashLoopBackOff: killed: memory over its limit of 100 MiB (OOMKilled), restarted 2 times"},
		"it is being made":                  {waiting("ContainerCreating"), corev1.ContainerState{}, 0, runtime.Running, ""},
	} {
		p := pod("a", "0", 1)
		p.Spec.Containers = []corev1.Container{{Name: "shop", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("100Mi")}}}}
		p.Status.PodIP = "fd00::1"
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "shop", State: c.now, LastTerminationState: c.last, RestartCount: c.count}}
		i := instance(runtime.Instance{}, p, "", 2, "8080")
		if i.State != c.state || i.Exit != c.exit || i.URL != "http://[fd00::1]:8080" {
			t.Errorf("%s: %s, %q at %s, want %s, %q", name, i.State, i.Exit, i.URL, c.state, c.exit)
		}
	}
}

func TestNamesFitIntoLabels(t *testing.T) {
	for name, want := range map[string]string{"web": "web", "Shop_1": "shop-1", "1st": "s1st", "-": "s", "a.b.": "a-b"} {
		if got := plain(name, 40); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	if Label("a.b") == Label("a-b") {
		t.Error("two services have one label")
	}
}
