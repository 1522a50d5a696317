package yaml11

import (
	"testing"

	"goodstate.dev/goodstate/core/py"
)

func TestScalarsAreReadAsYAML11(t *testing.T) {
	v, err := Load("x.yml", []byte("a: yes\nb: 0644\nc: 0o644\nd: 22:30\ne: 1e3\nf: 1.5e+3\n1: one\n~: none\nl: [on, 'on', 2020-01-02]\nu: !unsafe '{{ x }}'\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{'a': True, 'b': 420, 'c': '0o644', 'd': 1350, 'e': '1e3', 'f': 1500.0, 1: 'one', None: 'none', 'l': [True, 'on', datetime.date(2020, 1, 2)], 'u': '{{ x }}'}`
	if got := py.Repr(v); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if u, _ := v.(*py.Dict).Get("u"); u != py.Unsafe("{{ x }}") {
		t.Errorf("%T", u)
	}
}
