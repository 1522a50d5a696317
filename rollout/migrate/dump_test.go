package migrate

import (
	"bytes"
	"strings"
	"testing"
)

const kinds = `
CREATE TABLE things (id int PRIMARY KEY, name varchar(40), bin BINARY_TYPE, f float, d double precision, n numeric(30, 10), at TIME_TYPE);
CREATE TABLE log (line varchar(40));
INSERT INTO things VALUES (1, 'it''s; "x" \\ ?', BINARY_VALUE, 0.1, 1e-7, 12345678901234567890.0123456789, '2020-02-29 12:34:56.789'), (2, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'third', NULL, -3, 3, 3, NULL);
INSERT INTO log VALUES ('a'), ('a'), ('b')
`

func kindsOn(t *testing.T, r *rig) *place {
	parts := map[string][]string{
		Postgres: {"bytea", "timestamptz", `'\x00ff27'`}, MySQL: {"blob", "datetime(3)", "x'00ff27'"}, SQLite: {"blob", "text", "x'00ff27'"},
	}[r.driver]
	return r.place(t, strings.NewReplacer("BINARY_TYPE", parts[0], "TIME_TYPE", parts[1], "BINARY_VALUE", parts[2]).Replace(kinds))
}

func dumpAndLoad(t *testing.T, r *rig) {
	p := kindsOn(t, r)
	d := p.database()
	snap := p.snapshot(d, "things", "log")
	var dump bytes.Buffer
	result, err := d.Dump(t.Context(), []Name{{Name: "things"}, {Name: "log"}, {Name: "nobody"}}, &dump)
	if err != nil || result.Rows["things"] != 3 || result.Rows["log"] != 3 || len(result.Rows) != 2 {
		t.Fatalf("%+v, %v, want 3 rows of each", result, err)
	}
	p.exec("UPDATE things SET name = 'other', f = 9 WHERE id = 1; DELETE FROM things WHERE id = 2; INSERT INTO things (id, name) VALUES (4, 'since')")
	_, err = d.Load(t.Context(), bytes.NewReader(dump.Bytes()))
	wants(t, err, "log: it has 3 rows and no primary key")
	p.exec("DELETE FROM log")
	broken := strings.Replace(dump.String(), "third", "drith", 1)
	_, err = d.Load(t.Context(), strings.NewReader(broken))
	wants(t, err, "it was changed since it was written, and nothing of it is kept")
	_, err = d.Load(t.Context(), bytes.NewReader(dump.Bytes()[:dump.Len()/2]))
	wants(t, err, "it is not whole")
	p.same("the rows after broken dumps", p.rows("SELECT count(*) FROM things WHERE id IN (1, 2) AND f = 9"), "1\n")
	report, err := d.Load(t.Context(), bytes.NewReader(dump.Bytes()))
	if err != nil || report.Rows["things"] != 3 || report.Since["things"] != 1 || report.Since["log"] != 0 {
		t.Fatalf("%+v, %v, want 3 rows brought back and one written since", report, err)
	}
	for _, c := range p.unchanged(d, snap) {
		if c.Table == "things" && c.Added != 1 {
			t.Errorf("%s, want the row that was written since", c)
		}
	}
	var again bytes.Buffer
	p.exec("DELETE FROM things WHERE id = 4")
	second, err := d.Dump(t.Context(), []Name{{Name: "things"}, {Name: "log"}}, &again)
	first, _, _ := strings.Cut(dump.String(), "\n")
	same, _, _ := strings.Cut(again.String(), "\n")
	if err != nil || strings.TrimPrefix(dump.String(), first)[:200] != strings.TrimPrefix(again.String(), same)[:200] || second.Rows["things"] != 3 {
		t.Errorf("dumped again it differs, %v:\n%s\n%s", err, dump.String(), again.String())
	}
}
