package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The tests have two families of their own, strategies and probes, and a root struct like app's.

type Strategy interface{ Plan() string }

type canary struct {
	Steps []Percent `yaml:"steps" help:"share of traffic at each step" default:"[5%, 50%]" example:"[10%]"`
	Hold  Duration  `yaml:"hold" help:"time at each step" default:"1m"`
	Then  *canary   `yaml:"then" help:"a second canary after the first"`
}

func (c *canary) Plan() string { return fmt.Sprintf("canary %v hold %v", c.Steps, c.Hold) }

func (c *canary) Validate(report func(path, message string)) {
	for i := 1; i < len(c.Steps); i++ {
		if c.Steps[i] <= c.Steps[i-1] {
			report(fmt.Sprintf("steps[%d]", i), "must be more than the step before")
		}
	}
}

type rolling struct {
	Batch int `yaml:"batch" help:"instances at a time" enum:""`
}

func (r *rolling) Plan() string { return fmt.Sprintf("rolling %d", r.Batch) }

type atOnce struct{}

func (atOnce) Plan() string { return "at once" }

type Probe interface{ Probe() string }

type httpProbe struct {
	URL    string        `yaml:"url" help:"what to ask" required:"true" example:"/healthz"`
	Status int           `yaml:"status" help:"the answer's status"`
	Within time.Duration `yaml:"within" help:"latency that is still good"`
	Token  Secret        `yaml:"token" help:"sent as bearer"`
	Body   any           `yaml:"body" help:"sent as JSON"`
}

func (p *httpProbe) Probe() string { return fmt.Sprintf("%s %d %v", p.URL, p.Status, p.Within) }

// commandProbe reads a shell line or a list of words.
type commandProbe struct {
	Argv words `yaml:"argv" help:"program and arguments" required:"true"`
}

func (p *commandProbe) Probe() string { return strings.Join(p.Argv, "|") }

func (p *commandProbe) UnmarshalConfig(n Node) error {
	if text, ok := n.Text(); ok {
		p.Argv = words{"sh", "-c", text}
		return nil
	}
	if n.IsList() {
		return n.Decode(&p.Argv)
	}
	type plain commandProbe
	return n.Decode((*plain)(p))
}

type words []string

func init() {
	Register(Kind[Strategy]{
		Name: "canary", Help: "a small share of the traffic first", Example: "canary: {steps: [5%, 25%], hold: 1m}",
		New: func(decode func(any) error) (Strategy, error) {
			c := &canary{}
			return c, decode(c)
		},
	})
	Register(Kind[Strategy]{
		Name: "rolling", Help: "a few instances at a time", Example: "rolling: {batch: 2}",
		New: func(decode func(any) error) (Strategy, error) {
			r := &rolling{Batch: 1}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.Batch < 1 {
				return nil, errors.New("batch must be at least 1")
			}
			return r, nil
		},
	})
	Register(Kind[Strategy]{
		Name: "at-once", Help: "everything at once", Example: "at-once",
		New: func(func(any) error) (Strategy, error) { return atOnce{}, nil },
	})
	Register(Kind[Probe]{
		Name: "http", Help: "GET a URL and judge its status", Example: "http: {url: /healthz, within: 300ms}",
		New: func(decode func(any) error) (Probe, error) {
			p := &httpProbe{Status: 200, Within: time.Second}
			return p, decode(p)
		},
	})
	Register(Kind[Probe]{
		Name: "command", Help: "run a program and judge how it ends", Example: "command: make test",
		New: func(decode func(any) error) (Probe, error) {
			p := &commandProbe{}
			return p, decode(p)
		},
	})
}

type spec struct {
	Choice[Probe] `yaml:",inline"`

	Timeout Duration `yaml:"timeout" help:"longest wait" default:"5s"`
	Every   Duration `yaml:"every" help:"time between two probes" default:"1s"`
}

type limits struct {
	Memory  Size `yaml:"memory" help:"most memory an instance may take" default:"256MiB"`
	Restart int  `yaml:"restarts" help:"restarts in an hour" default:"3"`
}

type service struct {
	Name     string            `yaml:"name" help:"shown on pages" example:"Shop"`
	Strategy Choice[Strategy]  `yaml:"strategy" help:"how a release goes out" default:"canary"`
	Port     int               `yaml:"port" help:"where it listens" required:"true" example:"8080"`
	Debug    bool              `yaml:"debug" help:"log more"`
	Level    string            `yaml:"level" help:"how much is logged" enum:"info, warning, debug" default:"info"`
	Env      Map[Value]        `yaml:"env" help:"the environment of an instance"`
	Labels   map[string]string `yaml:"labels" help:"anything"`
	Probes   []spec            `yaml:"probes" help:"what tells that it is healthy"`
	Limits   limits            `yaml:"limits" help:"what an instance may take"`
	Password Secret            `yaml:"password" help:"of the database"`
	Ratio    float64           `yaml:"ratio" help:"a number"`
	Watch    *Duration         `yaml:"watch" help:"time after promotion"`
}

func (s *service) Validate() error {
	if s.Port == 22 {
		return errors.Join(errors.New("port 22 is for ssh"), errors.New("and that is that"))
	}
	return nil
}

type root struct {
	Services Map[service] `yaml:"services" help:"what is released" required:"true"`
	Data     string       `yaml:"data" help:"the data directory" default:"./data"`
	Started  time.Time    `yaml:"started" help:"a time"`
}
