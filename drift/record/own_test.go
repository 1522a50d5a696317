package record

import "testing"

func TestAHostsOwnNameIsTakenOutOfDifferences(t *testing.T) {
	for _, c := range []struct{ text, host, want string }{
		{"/srv/web1/a", "web1", "/srv/{{ inventory_hostname }}/a"},
		{"web10 web1-a xweb1", "web1", "web10 web1-a xweb1"},
		{"web1.example.org is web1", "web1.example.org", "{{ inventory_hostname }} is {{ inventory_hostname_short }}"},
		{"10 and 10.0.0.1", "10.0.0.1", "10 and {{ inventory_hostname }}"},
		{"a b", "a", "a b"},
	} {
		if got := unnamed(c.text, c.host); got != c.want {
			t.Errorf("%q on %s: %q, want %q", c.text, c.host, got, c.want)
		}
	}
}
