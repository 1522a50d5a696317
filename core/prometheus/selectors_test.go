package prometheus

import (
	"slices"
	"testing"
)

func TestInstantSelectorsAreFoundInAQuery(t *testing.T) {
	for query, want := range map[string][]string{
		`up`:                                {"up"},
		`1 + 2`:                             nil,
		`sum(rate(x_total{a="b[1m]"}[1m]))`: nil,
		`sum by (a, b) (stock{release="v1", kind=~"t.*"}) / on(a) count`:        {`stock{release="v1", kind=~"t.*"}`, "count"},
		`sum(stock) without (x) > bool 1e+3`:                                    {"stock"},
		`{__name__="a b"} or stock offset 5m`:                                   {`{__name__="a b"}`, "stock"},
		`max_over_time(stock[5m:1m]) + stock @ 1609746000.5`:                    {"stock"},
		`histogram_quantile(0.99, sum by (le) (rate(s_bucket[30s])))`:           nil,
		"stock # and not other\n- ns:rule:sum{x='}'}":                           {"stock", "ns:rule:sum{x='}'}"},
		`a unless on (x) group_left (y) b and stock{`:                           {"a", "b", "stock{"},
		`label_replace(stock, "a", "$1 up", "b", "(.*)")`:                       {"stock"},
		`quantile(0.9, stock) == Inf and time() - 300 < timestamp(stock{a=""})`: {"stock", `stock{a=""}`},
	} {
		if got := instants(query); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func FuzzInstantSelectorsOfAnyTextEnd(f *testing.F) {
	f.Add(`sum by (a) (x{b="c"}) [`)
	f.Fuzz(func(_ *testing.T, query string) { instants(query) })
}
