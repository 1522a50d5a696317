package migrate

import "fmt"

// Class says what a change means for the release that is still running, and whether it can be undone.
type Class string

// The classes of a change.
const (
	Expand       Class = "expand"       // the old release works with it; done before any traffic
	Contract     Class = "contract"     // the old release would break; done when the watch is over
	Irreversible Class = "irreversible" // nothing here can undo it
)

// Op is what a change does, and so how it is undone.
type Op string

// What a change can be.
const (
	CreateTable  Op = "create table"
	CreateOther  Op = "create" // a view, sequence or type; Kind says which
	CreateIndex  Op = "create index"
	AddColumn    Op = "add column"
	Alter        Op = "alter" // constraints, NOT NULL, defaults, indexes: undone by making the definition what it was
	Retype       Op = "change type"
	RenameColumn Op = "rename column"
	RenameTable  Op = "rename table"
	DropColumn   Op = "drop column" // done softly
	DropTable    Op = "drop table"  // done softly
	DropOther    Op = "drop"        // done softly; Kind says what
	DropIndex    Op = "drop index"
	Update       Op = "update" // the old values are put aside
	Delete       Op = "delete" // the rows are put aside
	Insert       Op = "insert" // into a table that the same plan creates
	Run          Op = "run"    // not understood; undone by the file's Down section, if at all
)

// Change is one part of a migration that is carried out and undone as a whole. A statement with several actions becomes
// several changes.
type Change struct {
	Seq     int      `json:"seq"` // from 1, in the order of the files
	Version int64    `json:"version"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	SQL     string   `json:"sql"`
	Op      Op       `json:"op"`
	Class   Class    `json:"class"`
	Phase   Class    `json:"phase"` // Expand or Contract: when it is done
	Kind    string   `json:"kind,omitempty"`
	Table   Name     `json:"table,omitzero"`
	Column  string   `json:"column,omitempty"`
	To      string   `json:"to,omitempty"`      // new name
	Type    string   `json:"type,omitempty"`    // of Retype: the type, or the whole definition on MySQL
	Using   string   `json:"using,omitempty"`   // of Retype
	Columns []string `json:"columns,omitempty"` // of Update
	Alias   string   `json:"alias,omitempty"`   // of Update and Delete
	Where   string   `json:"where,omitempty"`   // of Update and Delete, without the word
	Raw     bool     `json:"raw,omitempty"`     // cannot be part of a transaction
	Why     string   `json:"why"`
	Aside   string   `json:"aside,omitempty"`   // what is put aside, in words
	Refused string   `json:"refused,omitempty"` // why it is not done
	Do      string   `json:"do,omitempty"`      // what a person can do about the refusal
	Down    []string `json:"down,omitempty"`    // of the first Run of a file: what undoes the whole file
	names   []string // every name that occurs in it
}

// Place is where the change is written, file:line.
func (c Change) Place() string { return fmt.Sprintf("%s:%d", c.File, c.Line) }

// Name is the name of a table or another object, as the database knows it.
type Name struct {
	Schema string `json:"schema,omitempty"` // empty: where the connection looks first
	Name   string `json:"name"`
}

func (n Name) String() string {
	if n.Schema == "" {
		return n.Name
	}
	return n.Schema + "." + n.Name
}
