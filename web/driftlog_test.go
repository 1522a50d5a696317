package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/drift/log"
)

func TestTheLogOfResultsIsSearchedByPages(t *testing.T) {
	s, _ := driftSite(t)
	var err error
	if s.Results, err = log.Open(t.Context(), s.Store); err != nil {
		t.Fatal(err)
	}
	first := s.shows(t, auth.Viewer, "/drift/log", nil, s.driftLog)
	if !strings.Contains(first, ">web5000<") || strings.Contains(first, ">web4940<") || !strings.Contains(first, "&lt;script&gt;") || !strings.Contains(first, "before=") {
		t.Error("the first page does not have the newest results, and only them")
	}
	seen := 0
	for address := "/drift/log?q=greeting"; address != ""; {
		v, err := s.driftLog(httptest.NewRequest(http.MethodGet, address, http.NoBody))
		if err != nil {
			t.Fatal(err)
		}
		d := v.Data.(driftLogData)
		seen += len(d.Page.Entries)
		address = d.Older
	}
	if seen != fleetSize {
		t.Errorf("%d results on all pages, want %d", seen, fleetSize)
	}
	one := s.shows(t, auth.Viewer, "/drift/log?q=host:web17+welcome&status=changed&playbook=site.yml&since=2020-01-01T00:00", nil, s.driftLog)
	if !strings.Contains(one, ">web17<") || strings.Contains(one, ">web170<") || !strings.Contains(one, `goodstate drift log --playbook site.yml --status changed --since 2020-01-01T00:00 -- &#39;host:web17 welcome&#39;`) {
		t.Errorf("the search does not find web17 alone, or its command is another")
	}
	for _, address := range []string{"/drift/log?q=-x", "/drift/log?since=soon", `/drift/log?q="<script>alert(1)</script>&host=<script>alert(1)`} {
		s.shows(t, auth.Viewer, address, nil, s.driftLog)
	}
	if text := s.shows(t, auth.Viewer, "/drift/log?q=-x", nil, s.driftLog); !strings.Contains(text, "no word to look for") {
		t.Error("the page does not say what is wrong with a search")
	}
}
