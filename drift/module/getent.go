package module

import (
	"context"
	"strings"
)

func init() {
	register(Kind{
		Name:    "getent",
		Help:    "Entries of the system's databases as facts",
		Example: "getent: {database: passwd, key: root}",
		Options: []Option{
			{Name: "database", Required: true},
			{Name: "key"},
			{Name: "service"},
			{Name: "split"},
			{Name: "fail_key", Type: Bool, Default: true},
		},
		Check: CheckFull,
		Plan:  planGetent,
	})
}

func planGetent(ctx context.Context, t *Task) error {
	database, key := t.Str("database"), t.Str("key")
	if err := t.need("getent"); err != nil {
		return err
	}
	args := []string{"getent"}
	args = append(args, database)
	if t.Has("key") {
		args = append(args, key)
	}
	if t.Has("service") {
		args = append(args, "-s", t.Str("service"))
	}
	split := t.Str("split")
	if !t.Has("split") {
		switch database {
		case "passwd", "shadow", "group", "gshadow":
			split = ":"
		}
	}
	out, err := t.run(ctx, program{args: args, env: cLocale})
	if err != nil {
		return err
	}
	facts := map[string]any{}
	name := "getent_" + database
	msg := "Unexpected failure!"
	switch out.rc {
	case 0:
		readEntries(out.stdout, split, facts)
		t.Return("ansible_facts", map[string]any{name: facts})
		return nil
	case 1:
		msg = "Missing arguments, or database unknown."
	case 2:
		msg = "One or more supplied key could not be found in the database."
		if !t.Bool("fail_key") {
			facts[key] = nil
			t.Return("ansible_facts", map[string]any{name: facts})
			t.Return("msg", msg)
			return nil
		}
	case 3:
		msg = "Enumeration not supported on this database."
	}
	return fail(msg)
}

// readEntries makes a list of fields of every line; a name that comes twice gets a list of lists.
func readEntries(text, split string, into map[string]any) {
	seen := map[string]int{}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if line == "" {
			continue
		}
		fields := strings.Fields(line)
		if split != "" {
			fields = strings.Split(line, split)
		}
		key, rest := fields[0], toAny(fields[1:])
		switch seen[key]++; seen[key] {
		case 1:
			into[key] = rest
		case 2:
			into[key] = []any{into[key], rest}
		default:
			into[key] = append(into[key].([]any), rest)
		}
	}
}
