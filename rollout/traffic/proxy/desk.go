package proxy

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/rollout/feedback"
)

// deskBase is where the pages of feedback are, below the service's own address.
const deskBase = "/.goodstate"

// DeskDir is where the proxy of a directory leaves what users report.
func DeskDir(dir string) string { return filepath.Join(dir, "feedback") }

// atDesk answers requests for the feedback pages, where the route has them. They are no visits: they are not counted.
func (s *service) atDesk(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, deskBase+"/") {
		return false
	}
	rt := s.route.Load()
	if rt == nil || rt.Feedback == nil || s.desk == nil {
		return false
	}
	s.desk.Serve(w, r, *rt.Feedback)
	return true
}

// openDesk makes the service's desk; reports wait in the folder.
func (s *service) openDesk(dir string) {
	s.desk = &feedback.Desk{
		Service: s.name, Base: deskBase, Spool: &feedback.Spool{Dir: dir}, Log: s.log,
		Visitor: func(r *http.Request) feedback.Visitor {
			ip, _ := clientIP(r, s.trust)
			client, release := stickyOf(r.Header)
			if rt := s.route.Load(); release == "" && rt != nil && len(rt.pools) == 1 {
				release = rt.pools[0].release.id // there is no other
			}
			return feedback.Visitor{Address: ip, Session: client, Release: release}
		},
		Known: func(_ context.Context, release string) bool {
			rt := s.route.Load()
			if rt == nil {
				return false
			}
			for _, p := range rt.pools {
				if p.release.id == release {
					return true
				}
			}
			return false
		},
	}
}
