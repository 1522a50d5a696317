// Package rollout moves a service to a release, and back when the release turns out bad. It decides nothing by itself:
// rollout/strategy says what to do, rollout/judge says how the release does; this package carries it out in durable
// steps, each journaled before it is done, so that a killed controller goes on or goes back where it was.
package rollout

import (
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/condition"
	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/migrate"
	"goodstate.dev/goodstate/rollout/signal"
	"goodstate.dev/goodstate/rollout/source"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Service says how one service is built, run, checked and released. It is the value of `services.NAME` in goodstate.yaml,
// and the part of a release that is not its code: a release remembers the Service that it was started with.
type Service struct {
	Source     source.Config                    `yaml:"source" json:"source" help:"the Git repository that releases come from, and how one is built"`
	OnPush     string                           `yaml:"on_push" json:"on_push,omitempty" help:"branch whose pushes are released by themselves, where goodstate's post-receive hook or a webhook of the Git host tells of them" example:"main"`
	Run        string                           `yaml:"run" json:"run,omitempty" help:"command that starts one instance, in the folder of the built release; $PORT and $HOST say where it listens; with kubernetes, the command of the container, for the shell in its image (default there: what the manifest says)" example:"./shop -listen $HOST:$PORT"`
	Instances  int                              `yaml:"instances" json:"instances" default:"1" help:"how many instances serve in ordinary times; with hosts, on each of them; with kubernetes, pods"`
	Port       int                              `yaml:"port" json:"port,omitempty" help:"fixed port of the first instance (the next ones count up); on hosts the first free one from here on; with kubernetes the port of every pod (default there: the first that the container names); without it free ports are chosen"`
	Hosts      *Hosts                           `yaml:"hosts" json:"hosts,omitempty" help:"hosts that the instances run on, over SSH; without it they run on this machine" example:"{inventory: hosts.ini, pattern: web}"`
	Kubernetes *Kubernetes                      `yaml:"kubernetes" json:"kubernetes,omitempty" help:"cluster that the instances run in, as pods; each release has a Deployment of its own" example:"{kubeconfig: rollout.kubeconfig, namespace: shop, manifest: deploy/shop.yaml}"`
	Env        map[string]config.Value          `yaml:"env" json:"env,omitempty" help:"environment of the instances; a value is text or {secret: name}"`
	Files      map[string]File                  `yaml:"files" json:"files,omitempty" help:"files and templates that each instance gets in the folder $FILES before it is started, by their paths there; they belong to the release and go back with it" example:"{shop.conf: {from: config/shop.conf}}"`
	Values     map[string]config.Value          `yaml:"values" json:"values,omitempty" help:"values of this environment for the templates among files; a value is text or {secret: name}" example:"{db: {secret: db}, color: blue}"`
	Grace      config.Duration                  `yaml:"grace" json:"grace,omitempty" default:"10s" help:"how long an instance may take to end after SIGTERM before it is killed"`
	Memory     config.Size                      `yaml:"memory" json:"memory,omitempty" help:"resident memory at which an instance is killed and started again" example:"256MiB"`
	Restarts   int                              `yaml:"restarts" json:"restarts,omitempty" default:"3" help:"how often an instance that ends by itself is started again within ten minutes"`
	Start      config.Duration                  `yaml:"start" json:"start,omitempty" default:"30s" help:"how long a new instance may take to become healthy"`
	Migrations *migrate.Config                  `yaml:"migrations" json:"migrations,omitempty" help:"the service's database: its schema moves with the release, and back with its data" example:"{driver: postgres, url: {secret: db}}"`
	Health     *check.Spec                      `yaml:"health" json:"health,omitempty" help:"check that says that an instance can serve" example:"{http: {url: /healthz}}"`
	Checks     config.Map[check.Spec]           `yaml:"checks" json:"checks,omitempty" help:"tests and checks of a release, by name; they run against new instances before traffic (when: start), while traffic is judged (when: stage), before promotion (when: end), and again after a rollback"`
	Traffic    *Traffic                         `yaml:"traffic" json:"traffic,omitempty" help:"how users reach the service; without it instances are only started and checked"`
	Strategy   config.Choice[strategy.Strategy] `yaml:"strategy" json:"strategy,omitempty" help:"how a release takes over: canary, bluegreen or rolling (default: canary)"`
	Judge      judge.Config                     `yaml:"judge" json:"judge,omitempty" help:"what makes a release bad: the comparison with the release before, and hard limits"`
	Signals    config.Map[signal.Spec]          `yaml:"signals" json:"signals,omitempty" help:"numbers that are read about a release from elsewhere, by name, with limits: Prometheus, and the instances' logs"`
	Conditions config.Map[condition.Spec]       `yaml:"conditions" json:"conditions,omitempty" help:"expressions over checks, signals, traffic, alerts and reports that take a release back, or make a rollout ask, by name"`
	Feedback   *feedback.Config                 `yaml:"feedback" json:"feedback,omitempty"   help:"ask users what they met: a form and a script under /.goodstate/ of the service's address; their reports count for the judge" example:"{}"`
	Unknown    string                           `yaml:"unknown" json:"unknown,omitempty" default:"pause" enum:"pause,wait,rollback" help:"what to do when nothing is known at the end of a stage: ask a person, wait on, or go back"`
	Watch      config.Duration                  `yaml:"watch" json:"watch,omitempty" default:"5m" help:"how long a promoted release is still judged, with the old one ready to take over, before it counts as known good"`
	Recover    config.Duration                  `yaml:"recover" json:"recover,omitempty" default:"2m" help:"how long after a rollback the metrics may take to be back to what they were"`
	Approve    *Approve                         `yaml:"approve" json:"approve,omitempty" help:"where a rollout waits until a person with the role approver agrees" example:"{before: [50%, promote], within: 4h}"`
	Mode       string                           `yaml:"mode" json:"mode,omitempty" default:"act" enum:"act,observe" help:"act, or only observe: decide and record, but never roll back by itself"`
}

// Traffic says where users reach a service: through goodstate's proxy, which listens, or through a load balancer that is there.
type Traffic struct {
	Via    traffic.Via     `yaml:",inline,optional" json:"via,omitzero"`
	Listen string          `yaml:"listen" json:"listen,omitempty" help:"address of goodstate's proxy that users reach, host:port" example:"127.0.0.1:8080"`
	Sticky string          `yaml:"sticky" json:"sticky,omitempty" default:"cookie" enum:"cookie,none" help:"cookie: a user stays on the release that served them first; none: each request is routed by weight"`
	Cert   string          `yaml:"cert" json:"cert,omitempty" help:"file with the TLS certificate chain in PEM; with key, the address speaks HTTPS"`
	Key    string          `yaml:"key" json:"key,omitempty" help:"file with the TLS private key in PEM"`
	Slow   config.Duration `yaml:"slow" json:"slow,omitempty" default:"60s" help:"an instance that has not begun to answer by then has failed the request"`
}

// Moments at which a check may run; the values of `when:`.
const (
	AtStart = "start" // against each new instance before it gets traffic
	AtStage = "stage" // again and again while a stage is judged, against the new instances
	AtEnd   = "end"   // once before promotion, against the new release
)

// Validate reports what the single values cannot know of each other.
func (s *Service) Validate(report func(path, message string)) {
	if s.Instances < 1 || s.Instances > 1000 {
		report("instances", fmt.Sprintf("%d instances, want 1 to 1000", s.Instances))
	}
	if len(strings.Fields(s.Run)) == 0 && s.Kubernetes == nil {
		report("run", "no command, want the program that starts one instance")
	}
	if s.Port < 0 || s.Port > 65535 {
		report("port", fmt.Sprintf("port %d, want 1 to 65535", s.Port))
	}
	if s.Health == nil && len(s.Checks.Keys()) == 0 {
		report("health", "neither health nor checks are given, so nothing could tell a good release from a bad one")
	}
	s.validateTraffic(report)
	s.validateConditions(report)
	s.validateHosts(report)
	s.validateKubernetes(report)
	s.validateFiles(report)
	s.validateApprove(report)
	for name, spec := range s.Checks.All() {
		for _, on := range spec.On {
			if on != AtStart && on != AtStage && on != AtEnd {
				report("checks."+name+".when", fmt.Sprintf("unknown moment %q, want %s, %s or %s", on, AtStart, AtStage, AtEnd))
			}
		}
	}
}

// steps is the service's strategy; a canary with its defaults where none is named.
func (s *Service) steps() (strategy.Strategy, error) {
	if s.Strategy.IsZero() {
		return strategy.Default()
	}
	return s.Strategy.New()
}

// checksOn lists the names of the checks that run at a moment. A check without `when` runs at start and end.
func (s *Service) checksOn(moment string) []string {
	var names []string
	for name, spec := range s.Checks.All() {
		on := spec.On
		if len(on) == 0 {
			on = []string{AtStart, AtEnd}
		}
		for _, m := range on {
			if m == moment {
				names = append(names, name)
			}
		}
	}
	return names
}

// Revision is the digest of the configuration that belongs to a release. How a release is watched or judged is not part of
// it: changing a limit does not make another release.
func (s *Service) Revision() string {
	return config.Digest(struct {
		Run       string
		Env       map[string]config.Value
		Port      int
		Grace     config.Duration
		Memory    config.Size
		Build     any
		Instances int
		Hosts     *Hosts      `json:",omitempty"`
		Files     any         `json:",omitempty"`
		Cluster   *Kubernetes `json:",omitempty"`
	}{s.Run, s.Env, s.Port, s.Grace, s.Memory, s.Source, s.Instances, s.Hosts.revision(), s.filesRevision(), s.Kubernetes.revision()})
}

// limitsRestarts says that a limit decides how many restarts are too many; without one the first is.
func (s *Service) limitsRestarts() bool {
	for _, l := range s.Judge.Limits {
		if l.Metric == "restarts" {
			return true
		}
	}
	return false
}

func (s *Service) health() (check.Spec, bool) {
	if s.Health == nil {
		return check.Spec{}, false
	}
	return *s.Health, true
}

func (s *Service) startLimit() time.Duration { return time.Duration(s.Start) }
