package jinja

// expr is an expression that gives a value.
type expr interface {
	eval(f *frame) (any, error)
}

// stmt is a piece of a template that writes, sets or defines something.
type stmt interface {
	exec(f *frame) error
}

type (
	constExpr   struct{ value any }
	nameExpr    struct{ name string }
	tupleExpr   struct{ items []expr }
	listExpr    struct{ items []expr }
	dictExpr    struct{ keys, values []expr }
	getattrExpr struct {
		on   expr
		name string
	}
	getitemExpr struct{ on, key expr }
	sliceExpr   struct{ from, to, step expr } // each may be nil
	callExpr    struct {
		on   expr
		args arguments
	}
	filterExpr struct {
		on   expr // nil in a filter block
		name string
		fn   *builtin // nil for the caller's plugins
		args arguments
	}
	testExpr struct {
		on   expr
		name string
		fn   *builtin
		args arguments
	}
	notExpr    struct{ on expr }
	negExpr    struct{ on expr }
	posExpr    struct{ on expr }
	binaryExpr struct {
		op          string
		left, right expr
	}
	andExpr     struct{ left, right expr }
	orExpr      struct{ left, right expr }
	concatExpr  struct{ items []expr }
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
	}
	condExpr struct{ test, yes, no expr } // no may be nil
)

// arguments of a call, a filter or a test.
type arguments struct {
	list    []expr
	names   []string
	named   []expr
	all     expr // *args
	allName expr // **kwargs
}

// signature has the parameters of a macro or a call block.
type signature struct {
	names    []string
	defaults []expr // of the last parameters
}

type (
	dataStmt   struct{ text string }
	outputStmt struct{ on expr }
	forStmt    struct {
		target     expr
		over, test expr
		body, none []stmt
		recursive  bool
	}
	ifStmt struct {
		tests    []expr
		bodies   [][]stmt
		fallback []stmt
	}
	setStmt      struct{ target, value expr }
	setBlockStmt struct {
		target expr
		filter expr // nil, or filters over what the body writes
		body   []stmt
	}
	withStmt struct {
		targets, values []expr
		body            []stmt
	}
	macroStmt struct {
		name string
		sig  signature
		body []stmt
		uses macroUses
	}
	callStmt struct {
		call *callExpr
		sig  signature
		body []stmt
		uses macroUses
	}
	filterStmt struct {
		filter expr
		body   []stmt
	}
	scopeStmt struct{ body []stmt } // autoescape
	blockStmt struct {
		name             string
		scoped, required bool
		body             []stmt
	}
	extendsStmt struct{ on expr }
	includeStmt struct {
		on                         expr
		ignoreMissing, withContext bool
	}
	importStmt struct {
		on          expr
		target      string
		withContext bool
	}
	fromStmt struct {
		on          expr
		names, as   []string
		withContext bool
	}
	doStmt       struct{ on expr }
	breakStmt    struct{}
	continueStmt struct{}
)

// nsTarget is the target of {% set ns.name = ... %}.
type nsTarget struct{ name, attr string }

func (nsTarget) eval(*frame) (any, error) { panic("a target has no value") }

// macroUses are the special names that a macro's body reads: who does not read them does not take them.
type macroUses struct{ varargs, kwargs, caller bool }

// template is a compiled text.
type template struct {
	name   string
	body   []stmt
	blocks map[string]*blockStmt
	syn    syntax
	// mutates says that there are methods in it which change lists or dicts, so that it must get copies of variables.
	mutates bool
}
