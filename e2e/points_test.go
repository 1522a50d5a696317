package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/rollout"
)

func TestGoingBackToAPointCrossesSeveralReleasesWithTheirSchemas(t *testing.T) {
	for _, e := range engines {
		if e.name != "postgres" && os.Getenv(everything) == "" {
			t.Logf("%s: E2E_ALL=1 runs it", e.name)
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, e)
			if s == nil {
				return
			}
			repo := filepath.Join(s.dir, "repo")
			third := "-- +goose Up\nALTER TABLE orders ADD COLUMN colour VARCHAR(20);\nUPDATE orders SET item = 'gone';\n-- +goose Down\nALTER TABLE orders DROP COLUMN colour;\n"
			s.must(os.WriteFile(filepath.Join(repo, "migrations", "00003_colour.sql"), []byte(third), 0o600))
			s.must(os.WriteFile(filepath.Join(repo, "release"), []byte("finer\n"), 0o600))
			s.git(repo, "add", ".")
			s.git(repo, "commit", "-q", "-m", "release v7")
			s.git(repo, "tag", "v7")
			leave := s.visitors()
			for _, tag := range []string{"v1", "v4", "v7"} {
				res := s.control(tag, "")
				if res.Outcome != rollout.Promoted {
					t.Fatalf("%s: %s: %s", tag, res.Outcome, res.Why)
				}
				if tag == "v1" {
					s.order(1, "tea", "no milk")
				}
			}
			_, err := s.db.Exec("INSERT INTO orders (id, item, currency, colour) VALUES (2, 'cake', 'USD', 'red')")
			s.must(err)
			out, code := s.goodstate("points", "web")
			if code != 0 || !strings.Contains(out, "schema version 3") || !strings.Contains(out, "schema back from version 2 to 1, with its data") {
				t.Errorf("points ended with %d:\n%s", code, out)
			}
			if out, code := s.goodstate("rollback", "web", "--to", "v1", "-m", "both are bad"); code != 4 {
				t.Fatalf("rollback ended with %d:\n%s", code, out)
			}
			if got, want := s.schema(), "id item note"; got != want {
				t.Errorf("afterwards the table has %s, want %s", got, want)
			}
			if got, want := strings.Join(s.orders(), "; "), `1 tea "no milk"; 2 cake ""`; got != want {
				t.Errorf("the orders are %s, want %s", got, want)
			}
			if requests, lost := leave(); lost > 0 {
				t.Errorf("%d of %d requests were lost", lost, requests)
			}
		})
	}
}
