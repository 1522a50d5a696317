package source

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

func TestADatabaseOfMariaDBIsRecoveredToAPlaceInItsLog(t *testing.T) {
	a := mariadb(t, "--log-bin=binlog", "--binlog-format=ROW", "--server-id=1")
	if a.host == "" {
		return
	}
	j := jobOn(t, map[string]string{"db": a.url()})
	j.State = filepath.Join(t.TempDir(), "made", "by the copy")
	s := build(t, "mysql", map[string]any{"url": map[string]any{"secret": "db"}, "log": true})
	a.at(t, "CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
	copyServer(t, s, &j)
	before := a.at(t, "INSERT INTO orders VALUES (2)", "FLUSH BINARY LOGS", "INSERT INTO orders VALUES (3)", "SHOW MASTER STATUS")
	place := before + ":" + a.at(t, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'binlog_snapshot_position'")
	second := a.at(t, "SELECT unix_timestamp()")
	real.Eventually(t, time.Minute, "the second has passed", func() bool { return a.at(t, "SELECT unix_timestamp()") != second })
	unix, err := strconv.ParseInt(second, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	a.at(t, "DROP TABLE orders")
	copyServer(t, s, &j)
	a.at(t, "CREATE TABLE younger (n int)")
	made := copyServer(t, s, &j)
	if all := points(t, &j); len(all) != 3 {
		t.Fatalf("%d restore points, want 3", len(all))
	}
	if made.Bytes == 0 {
		t.Error("the log was not read")
	}
	until, err := ParseUntil(place)
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.Original(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	parent := *j.Parent
	for _, u := range []Until{until, {Time: time.Unix(unix+1, 0)}} {
		to.Until = u
		if back, err := s.Restore(t.Context(), j, parent, to); err != nil {
			t.Fatal(back, err)
		}
		if n := a.at(t, "SELECT group_concat(id ORDER BY id) FROM orders"); n != "1,2,3" {
			t.Errorf("the orders %s are back at %+v, want 1,2,3", n, u)
		}
	}
	to.Until = Until{Time: points(t, &j)[0].Time.AddDate(0, 0, -1)}
	if _, err := s.Restore(t.Context(), j, *j.Parent, to); err == nil || !strings.Contains(err.Error(), "the dump is of") {
		t.Errorf("a moment before the dump: %v", err)
	}
	purged := j.Parent
	last := a.at(t, "SHOW MASTER STATUS")
	a.at(t, "FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "INSERT INTO orders VALUES (4)")
	youngest := a.at(t, "SHOW MASTER STATUS")
	real.Eventually(t, time.Minute, "the logs are purged, once nobody reads them any more", func() bool {
		return a.at(t, "FLUSH STATUS", "PURGE BINARY LOGS TO '"+youngest+"'", "SHOW BINARY LOGS") == youngest
	})
	copyServer(t, s, &j)
	if j.Parent.ID == purged.ID {
		t.Fatal("there is no new restore point")
	}
	to.Until = Until{Time: j.Parent.Time.AddDate(0, 0, -1)}
	if _, err := s.Restore(t.Context(), j, *j.Parent, to); err == nil || !strings.Contains(err.Error(), last) {
		t.Errorf("a moment in the gap: %v, want %s in it", err, last)
	}
}

func TestBinaryLogsThatLackAreNamed(t *testing.T) {
	for _, c := range []struct {
		first string
		names []string
		want  string
	}{
		{"b.000003", []string{"b.000003", "b.000004"}, ""},
		{"b.000003", []string{"b.000003", "b.000006"}, "b.000004,b.000005"},
		{"b.000003", []string{"b.000005"}, "b.000003,b.000004"},
		{"b.000003", nil, "b.000003"},
		{"b.000003", []string{"other.000003"}, "b.000003"},
	} {
		lacks, err := missingLogs(c.first, c.names)
		if got := strings.Join(lacks, ","); err != nil || got != c.want {
			t.Errorf("%s, %v: %q, %v, want %q", c.first, c.names, got, err, c.want)
		}
	}
	if _, err := missingLogs("../b.000003", nil); err == nil {
		t.Error("a name that leads out of the folder")
	}
}
