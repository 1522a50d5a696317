package rollout

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/migrate"
)

func TestTheSchemaGoesBackOverAllThatIsRecordedAndNeverOverAHole(t *testing.T) {
	step := func(from, to int64) moved { return moved{Plan: migrate.Plan{From: from, To: to}} }
	lost := step(1, 2)
	lost.Plan.Changes = []migrate.Change{{Class: migrate.Irreversible, File: "00002_x.sql", Line: 3}}
	copied := lost
	copied.Plan.Point = "backup:7"
	gone := lost
	gone.Plan.Point = dumped + "/nowhere/at.dump"
	old := step(1, 2)
	old.Cleaned, old.Kept.Config.Migrations = true, &migrate.Config{}
	down := step(1, 2)
	down.Kept.Config.Migrations = &migrate.Config{Command: &migrate.Command{Up: "up"}}
	for _, c := range []struct {
		name     string
		all      []moved
		from, to string
		steps    int
		refused  string
	}{
		{"no database", nil, "", "", 0, ""},
		{"the same version", []moved{step(0, 2)}, "2", "2", 0, ""},
		{"two releases back", []moved{step(0, 1), step(1, 2), step(2, 3)}, "3", "1", 2, ""},
		{"to before there were migrations", []moved{step(0, 1), step(1, 2)}, "2", "", 2, ""},
		{"a hole in the middle", []moved{step(0, 1), step(1, 2), step(3, 4)}, "4", "1", 0, "from version 2 on to 3"},
		{"the oldest is missing", []moved{step(2, 3)}, "3", "1", 0, "from version 1 on to 2"},
		{"forward", []moved{step(0, 1)}, "1", "2", 0, "needs the schema at version 2"},
		{"what cannot be undone", []moved{lost}, "2", "1", 0, "00002_x.sql:3"},
		{"what has a restore point", []moved{copied}, "2", "1", 1, ""},
		{"what has lost its restore point", []moved{gone}, "2", "1", 0, "restore point is gone"},
		{"what was cleaned", []moved{old}, "2", "1", 0, "was removed"},
		{"a tool without a way down", []moved{down}, "2", "1", 0, "no way down"},
	} {
		steps, refused, err := schemaWay(c.all, good.Release{Schema: c.from}, good.Release{Schema: c.to})
		if err != nil || len(steps) != c.steps || (c.refused == "") != (refused == "") || !strings.Contains(refused, c.refused) {
			t.Errorf("%s: %q, refused %q, %v; want %d steps, refused %q", c.name, steps, refused, err, c.steps, c.refused)
		}
	}
}
