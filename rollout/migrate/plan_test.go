package migrate

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStatementsAreClassified(t *testing.T) {
	for _, c := range []struct {
		driver, sql string
		want        []Op
		class       Class
	}{
		{Postgres, `CREATE TABLE IF NOT EXISTS shop."Order Lines" (id int)`, []Op{CreateTable}, Expand},
		{Postgres, `CREATE INDEX CONCURRENTLY i ON t (a)`, []Op{CreateIndex}, Expand},
		{Postgres, `CREATE UNIQUE INDEX i ON ONLY t (a)`, []Op{CreateIndex}, Contract},
		{Postgres, `CREATE VIEW v AS SELECT 1`, []Op{CreateOther}, Expand},
		{Postgres, `CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql`, []Op{Run}, Irreversible},
		{Postgres, `ALTER TABLE t ADD COLUMN a int`, []Op{AddColumn}, Expand},
		{Postgres, `ALTER TABLE t ADD a int NOT NULL DEFAULT 3`, []Op{AddColumn}, Expand},
		{Postgres, `ALTER TABLE t ADD COLUMN a int NOT NULL`, []Op{AddColumn}, Contract},
		{Postgres, `ALTER TABLE ONLY t ADD CONSTRAINT c CHECK (a > 0)`, []Op{Alter}, Contract},
		{Postgres, `ALTER TABLE t DROP a`, []Op{DropColumn}, Contract},
		{Postgres, `ALTER TABLE t DROP COLUMN IF EXISTS a CASCADE`, []Op{DropColumn}, Contract},
		{Postgres, `ALTER TABLE t ALTER a SET NOT NULL`, []Op{Alter}, Contract},
		{Postgres, `ALTER TABLE t ALTER COLUMN a DROP NOT NULL`, []Op{Alter}, Expand},
		{Postgres, `ALTER TABLE t ALTER COLUMN a TYPE numeric(10,2) USING a::numeric`, []Op{Retype}, Contract},
		{Postgres, `ALTER TABLE t RENAME TO u`, []Op{RenameTable}, Contract},
		{Postgres, `ALTER TABLE t RENAME a TO b`, []Op{RenameColumn}, Contract},
		{Postgres, `ALTER TABLE t ADD b int DEFAULT (1 + 2), DROP a, ALTER c TYPE text`, []Op{AddColumn, DropColumn, Retype}, ""},
		{Postgres, `ALTER TABLE t ADD b int, ENABLE ROW LEVEL SECURITY`, []Op{Run}, Irreversible},
		{Postgres, `ALTER TABLE t DROP CONSTRAINT t_pkey`, []Op{Alter}, Expand},
		{Postgres, `DROP TABLE a, b`, []Op{DropTable, DropTable}, Contract},
		{Postgres, `DROP VIEW v`, []Op{DropOther}, Contract},
		{Postgres, `UPDATE t SET a = (SELECT max(b) FROM u), c = 'x, y' WHERE d IS DISTINCT FROM e`, []Op{Update}, Contract},
		{Postgres, `UPDATE t SET a = u.a FROM u WHERE u.id = t.id`, []Op{Run}, Irreversible},
		{Postgres, `DELETE FROM t WHERE a < 3`, []Op{Delete}, Contract},
		{Postgres, `TRUNCATE t`, []Op{Run}, Irreversible},
		{Postgres, `DO $$ BEGIN DELETE FROM t; END $$`, []Op{Run}, Irreversible},
		{Postgres, `INSERT INTO t VALUES (1)`, []Op{Insert}, Irreversible},
		{Postgres, `WITH x AS (SELECT 1) UPDATE t SET a = 1`, []Op{Run}, Irreversible},
		{Postgres, `COMMENT ON COLUMN t.a IS 'it''s; here'`, []Op{Alter}, Expand},
		{MySQL, "ALTER TABLE `t` MODIFY COLUMN `a` varchar(20) NOT NULL, ADD KEY k (a)", []Op{Retype, Alter}, ""},
		{MySQL, "ALTER TABLE t CHANGE a b int", []Op{RenameColumn, Retype}, Contract},
		{MySQL, "ALTER TABLE t CHANGE a A int", []Op{Retype}, Contract},
		{MySQL, "ALTER TABLE t DROP FOREIGN KEY f", []Op{Alter}, Expand},
		{MySQL, "ALTER TABLE t DROP PRIMARY KEY", []Op{Run}, Irreversible},
		{MySQL, "RENAME TABLE a TO b, c TO d", []Op{RenameTable, RenameTable}, Contract},
		{MySQL, "DROP INDEX i ON t", []Op{DropIndex}, Contract},
		{MySQL, `UPDATE t SET a = "it's \" WHERE" WHERE b = 1`, []Op{Update}, Contract},
		{MySQL, "UPDATE t JOIN u ON t.id = u.id SET t.a = u.a", []Op{Run}, Irreversible},
		{MySQL, "/*!50000 ALTER TABLE t DROP a */", []Op{Run}, Irreversible},
		{MySQL, "ALTER TABLE t ENGINE=InnoDB", []Op{Run}, Irreversible},
		{SQLite, "ALTER TABLE [t] DROP COLUMN `a`", []Op{DropColumn}, Contract},
	} {
		t.Run(c.sql, func(t *testing.T) {
			f, err := parseFile(c.driver, "1_x.sql", "-- +goose Up\n-- +goose StatementBegin\n"+c.sql+";\n-- +goose StatementEnd\n")
			if err != nil {
				t.Fatal(err)
			}
			var ops []Op
			for _, change := range classify(c.driver, f.up[0]) {
				ops = append(ops, change.Op)
				if c.class != "" && change.Class != c.class {
					t.Errorf("class %s, want %s", change.Class, c.class)
				}
				if change.Why == "" {
					t.Error("no reason is given")
				}
			}
			if !slices.Equal(ops, c.want) {
				t.Errorf("read as %v, want %v", ops, c.want)
			}
		})
	}
}

func planOf(t testing.TB, driver string, sources ...string) Plan {
	t.Helper()
	var files []file
	for i, src := range sources {
		f, err := parseFile(driver, string(rune('1'+i))+"_x.sql", src)
		if err != nil {
			t.Fatal(err)
		}
		f.version, f.digest = int64(i+1), src
		files = append(files, f)
	}
	return planFiles(driver, 0, files, "refuse")
}

func TestDestructiveStatementsWaitForTheEndOfTheWatch(t *testing.T) {
	p := planOf(t, Postgres, `-- +goose Up
ALTER TABLE users ADD COLUMN name text;
UPDATE users SET name = nick;
ALTER TABLE users DROP COLUMN nick;
ALTER TABLE users ADD COLUMN nick int;
CREATE TABLE log (id int);
INSERT INTO log VALUES (1);
`)
	var phases []Class
	for _, c := range p.Changes {
		phases = append(phases, c.Phase)
	}
	want := []Class{Expand, Expand, Contract, Contract, Expand, Expand}
	if !slices.Equal(phases, want) || p.Refused != "" {
		t.Errorf("phases %v, want %v; refused %q", phases, want, p.Refused)
	}
	words := strings.Join(p.Words(), "\n")
	for _, want := range []string{"when the watch is over: ALTER TABLE users DROP COLUMN nick (1_x.sql:4)", "put aside, not destroyed: column users.nick", "it waits for 1_x.sql:4"} {
		if !strings.Contains(words, want) {
			t.Errorf("the plan does not say %q:\n%s", want, words)
		}
	}
}

func TestNowDoesItSoftlyBeforeTraffic(t *testing.T) {
	p := planOf(t, Postgres, "-- +goose Up\n-- goodstate: now\nALTER TABLE users DROP COLUMN nick;")
	if c := p.Changes[0]; c.Phase != Expand || c.Class != Contract || c.Aside == "" {
		t.Errorf("%+v, want a contract change that is done in the expand phase and puts the column aside", c)
	}
	if words := strings.Join(p.Words(), "\n"); !strings.Contains(words, "the old release may fail from then on") {
		t.Errorf("the plan does not warn:\n%s", words)
	}
}

func TestWhatCannotBeUndoneIsRefusedWithTheReason(t *testing.T) {
	p := planOf(t, Postgres, "-- +goose Up\nTRUNCATE users;")
	if !p.Needs || !strings.Contains(p.Refused, "1_x.sql:2: it cannot be undone") || !strings.Contains(p.Refused, "irreversible: allow") {
		t.Errorf("refused %q", p.Refused)
	}
}

func TestADownSectionThatIsVouchedForMakesItReversible(t *testing.T) {
	up := "-- +goose Up\n-- goodstate: expand\nCREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;\n"
	if p := planOf(t, Postgres, up); !strings.Contains(p.Refused, "has no Down section") {
		t.Errorf("without Down: refused %q", p.Refused)
	}
	p := planOf(t, Postgres, up+"-- +goose Down\nDROP FUNCTION f;\n")
	if p.Refused != "" || !slices.Equal(p.Changes[0].Down, []string{"DROP FUNCTION f"}) || p.Changes[0].Phase != Expand {
		t.Errorf("refused %q, changes %+v", p.Refused, p.Changes)
	}
}

func TestMistakesInAFileAreSaidWithTheirLine(t *testing.T) {
	for src, want := range map[string]string{
		"SELECT 1;":                "1_x.sql:1: SQL stands before -- +goose Up",
		"-- +goose Up\nSELECT 1":   "the statement that begins in line 2 has no ;",
		"-- +goose Up\nSELECT 'x;": "line 2: this string has no end",
		"-- +goose Up\n\n-- +goose StatementBegin\nSELECT 1;":            "StatementBegin has no StatementEnd",
		"-- +goose Up\n-- goodstate: exapnd\nSELECT 1;":                  `unknown word "exapnd" after goodstate: (did you mean expand?)`,
		"-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;":                   "1_x.sql:2: -- +goose envsub on cannot be carried out",
		"-- +goose Down\nSELECT 1;":                                      "+goose down stands where it cannot",
		"":                                                               "no line says -- +goose Up",
		"-- +goose Up\nSELECT $x$ ; $y$ ;":                               "want $x$",
		"-- +goose Up\nSELECT /* /* */ 1;":                               "this comment has no end",
		"-- +goose Up\nSELECT 1;\n-- +goose StatementEnd":                "has no StatementBegin",
		"-- +goose Up\nSELECT \"open;":                                   "this name has no end",
		"-- +goose Up\nSELECT 1;\n-- +goose Up\nSELECT 2;":               "+goose up stands where it cannot",
		"-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\nSELECT": "StatementBegin has no StatementEnd",
	} {
		if _, err := parseFile(Postgres, "1_x.sql", src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func TestSemicolonsInsideOfStringsAndBodiesEndNothing(t *testing.T) {
	f, err := parseFile(Postgres, "1_x.sql", `-- +goose Up
SELECT ';', "a;b", $$ ; $$, $t$ $$;$$ $t$, E'\';' /* ; /* ; */ */ ; -- ;
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
-- +goose StatementEnd
-- +goose Down
SELECT 3; SELECT 4;
`)
	if err != nil || len(f.up) != 2 || len(f.down) != 2 {
		t.Fatalf("%d and %d statements, %v, want 2 and 2", len(f.up), len(f.down), err)
	}
	if got := f.up[1]; got.line != 4 || !strings.HasSuffix(got.sql, "SELECT 2; END;") {
		t.Errorf("line %d: %q", got.line, got.sql)
	}
}

func TestAnyTextIsReadOrRefusedAndNeverPanics(t *testing.T) {
	words := []string{"ALTER TABLE", "t", "DROP", "ADD", "COLUMN", "UPDATE", "SET", "a", "=", "'", `"`, "$$", "$1", "(", ")", ",", ";", "\n", "--", "/*", "*/", ".", "CREATE", "INDEX", "ON", "IF EXISTS", "TYPE", "USING", "DELETE FROM", "WHERE", "RENAME", "TO", "`", "[", "E'", "\\", "\x00", "é", "-- +goose Down\n", "-- goodstate: now\n"}
	rapid.Check(t, func(t *rapid.T) {
		driver := rapid.SampledFrom([]string{Postgres, MySQL, SQLite}).Draw(t, "driver")
		src := "-- +goose Up\n" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 30).Draw(t, "words"), " ")
		f, err := parseFile(driver, "1_x.sql", src)
		if err != nil {
			return
		}
		f.version = 1
		p := planFiles(driver, 0, []file{f}, "allow")
		for i, c := range p.Changes {
			if c.Seq != i+1 || c.Class == "" || c.Phase == "" || c.Line < 1 {
				t.Fatalf("%q became %+v", src, c)
			}
		}
		_ = p.Words()
	})
}
