package jinja

// syntax is how a template is written; it is part of the key under which a compiled one is kept.
type syntax struct {
	blockStart, blockEnd, variableStart, variableEnd, commentStart, commentEnd string
	lineStatement, lineComment                                                 string
	trim, lstrip, keepNewline                                                  bool
	newline                                                                    string
	do, loopControls                                                           bool // extensions
}

var usual = syntax{
	blockStart: "{%", blockEnd: "%}", variableStart: "{{", variableEnd: "}}", commentStart: "{#", commentEnd: "#}",
	trim: true, newline: "\n",
}

type tokenKind int

const (
	tEOF tokenKind = iota
	tData
	tVariableBegin
	tVariableEnd
	tBlockBegin
	tBlockEnd
	tComment // only for isTemplate
	tRaw     // only for isTemplate
	tName
	tString
	tInteger
	tFloat
	tOperator
)

// token is a piece of a template; at is where its text starts in the source.
type token struct {
	kind     tokenKind
	text     string // of strings the value, of operators the sign
	line     int
	at, end  int
	variable bool // a string between {{ and }}
}
