package signal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"goodstate.dev/goodstate/core/prometheus"
)

func init() {
	register(Kind{
		Name:    "prometheus",
		Help:    "the number that a PromQL query gives; {{release}}, {{version}}, {{service}} and {{addresses}} are filled in",
		Example: `prometheus: {url: "http://127.0.0.1:9090", query: 'sum(rate(orders_failed_total{release="{{release}}"}[1m]))'}`,
		New: func(decode func(any) error) (Source, error) {
			p := &promSource{}
			if err := decode(p); err != nil {
				return nil, err
			}
			return p, p.prepare()
		},
	})
}

type promSource struct {
	prometheus.Server `yaml:",inline"`
	Query             string `yaml:"query" required:"true" help:"PromQL that gives one number. {{release}} is the release's id, which an instance finds in GOODSTATE_RELEASE, {{addresses}} a regular expression of its instances' host:port, as in instance=~\"{{addresses}}\"" example:"sum(rate(orders_failed_total{release=\"{{release}}\"}[1m]))"`
	Count             string `yaml:"count" help:"PromQL that says how many samples the query rests on" example:"sum(increase(orders_total{release=\"{{release}}\"}[1m]))"`
	Least             int64  `yaml:"least" default:"20" help:"with count: fewer samples than these say nothing"`

	blanks []string
}

// whatReleases are the blanks that tell releases apart.
var whatReleases = []string{"release", "version", "addresses"}

func (p *promSource) prepare() error {
	if err := p.Check(); err != nil {
		return err
	}
	var err error
	if p.blanks, err = prometheus.Blanks(p.Query, append([]string{"service"}, whatReleases...)...); err != nil {
		return err
	}
	if p.Count != "" {
		if _, err := prometheus.Blanks(p.Count, append([]string{"service"}, whatReleases...)...); err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	return nil
}

func (p *promSource) whole() bool {
	return !slices.ContainsFunc(p.blanks, func(b string) bool { return slices.Contains(whatReleases, b) })
}

func (p *promSource) past() {}

// Read asks for the number, and before that whether it rests on enough samples.
func (p *promSource) Read(ctx context.Context, of Release) (Reading, error) {
	values := map[string]string{"release": of.ID, "version": of.Version, "service": of.Service, "addresses": prometheus.Any(of.Addresses)}
	if p.Count != "" {
		n, err := p.Ask(ctx, prometheus.Fill(p.Count, values), of.At, of.Secret)
		if errors.Is(err, prometheus.ErrNoData) {
			return Reading{}, fmt.Errorf("no samples, want %d", p.Least)
		}
		if err != nil {
			return Reading{}, fmt.Errorf("count: %w", err)
		}
		if n < float64(p.Least) {
			return Reading{}, fmt.Errorf("%.3g samples, want %d", n, p.Least)
		}
	}
	v, err := p.Ask(ctx, prometheus.Fill(p.Query, values), of.At, of.Secret)
	return Reading{Value: v}, err
}
