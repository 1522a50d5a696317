// Package engine carries playbooks out on hosts as Ansible does: variables with their precedence, tasks with their conditions, loops and retries, handlers, and
// strategies that decide which host does what next.
package engine

import (
	"context"
	"io"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/drift/jinja"
)

// Options are one run of one or more playbooks.
type Options struct {
	Playbooks  []string
	Inventory  []string // sources
	Limit      string
	Only       []string // names of hosts; of those that the plays and the limit leave only these. Empty is no bound
	Tags       []string
	SkipTags   []string
	Extra      *py.Dict // extra variables
	Check      bool
	Diff       bool
	Forks      int
	Verbosity  int
	StartAt    string
	Step       bool
	Handlers   bool // force
	FlushCache bool // forget the facts of the fact cache first
	Syntax     bool // only read
	// Defaults of the command line and the settings.
	Connection, RemoteUser, KeyFile, BecomeMethod, BecomeUser string
	Become                                                    bool
	BecomePassword, ConnectionPassword                        string
	Timeout                                                   int
	Settings                                                  Settings
	Vault                                                     vault.Keys

	// Connect opens hosts. They stay open over plays and are closed at the end of the run.
	Connect func(ctx context.Context, target Target) (Host, error)
	// Knows says whether there is a module of a name besides the actions.
	Knows func(name string) bool
	// Fallback makes a call for a module that is not native; it leaves others alone. Python is the interpreter that the host's variables name, or empty.
	Fallback func(ctx context.Context, module, python string, call *agent.Call) error
	// Python makes a call for the module in Python although there is a native one, which said that it does not do what it was told to.
	Python func(ctx context.Context, module, python string, call *agent.Call) error
	// Report hears of everything, in order, from one goroutine.
	Report Reporter
	// Fingerprint makes a keyed hash of what a task wants: its module, its resolved arguments as JSON and the hashes of contents. Results then have it as
	// "_ansible_desired". It is called from many goroutines. Nil makes none.
	Fingerprint func(parts ...[]byte) string
	// Hold is asked before a task acts on a host, or on one item of it, with its arguments resolved: true lets it only say what it would change, and its handlers are not
	// notified. It is called from many goroutines. Nil holds nothing.
	Hold func(w Want) bool
	// Opened hears of every text that was decrypted, so that it can be kept out of records. It is called from many goroutines. Nil hears nothing.
	Opened func(plain string)
	// Console asks people.
	Console action.Console
	// Inside is the only folder of this machine that the playbooks may read, and nothing of theirs runs on this machine or writes there: the playbooks are
	// somebody else's. Dialer.Remote refuses their connections to it. Empty is no bound.
	Inside string
	// Plugin finds filters, tests and lookups that are not built in.
	Plugin func(kind, name string) (jinja.Function, bool)
	// Log gets what only goodstate's own people read; nil is silence.
	Log io.Writer
}

// Settings are those of ansible.cfg and the environment that the engine itself follows.
type Settings struct {
	Gathering       string // implicit, explicit, smart
	GatherSubset    []any
	GatherTimeout   int
	FactPath        string
	FactCache       *FactCache // nil keeps facts for one run
	Strategy        string
	ForceHandlers   bool
	AnyErrorsFatal  bool
	NoLog           bool
	InjectFacts     bool
	MissingHandler  bool // is an error
	TaskTimeout     int
	PollInterval    int
	RolePaths       []string
	CollectionPaths []string
	Interpreter     string
	ConfigFile      string
	JinjaStrict     bool
	PrivateRoleVars bool
	Retry           string // folder for .retry files; "" is none
	SSHArgs         []string
	HostKeyChecking bool
}

// DefaultSettings are Ansible's.
func DefaultSettings() Settings {
	return Settings{Gathering: "implicit", Strategy: "linear", InjectFacts: true, MissingHandler: true, PollInterval: 15, HostKeyChecking: true}
}

// The results of a run, which are the exit codes of ansible-playbook.
const (
	Good        = 0
	Failed      = 2
	Unreachable = 4
	breakPlay   = 8
)

// Reporter hears of what happens.
type Reporter interface{ Event(e Event) }

// Kind is what an event is about.
type Kind int

// The kinds of events.
const (
	PlaybookStart Kind = iota
	PlayStart
	NoHostsMatched
	NoHostsLeft
	TaskStart
	HandlerStart
	RunnerStart
	OK
	FailedTask
	Skipped
	UnreachableHost
	ItemOK
	ItemFailed
	ItemSkipped
	Diffed
	Retry
	AsyncPoll
	AsyncOK
	AsyncFailed
	Included
	Notified
	Imported
	Meta
	Warning
	Deprecation
	Problem
	Recap
)

// Event is one thing that happened. Which fields are set depends on its kind.
type Event struct {
	Kind      Kind
	Playbook  string
	Play      *PlayInfo
	Task      *TaskInfo
	Host      string
	Delegated string // the host that did it, if another
	Address   string // of that host
	Result    *py.Dict
	Ignored   bool
	Rescued   bool // it failed in a block that has a rescue: the host goes on there
	Hosts     []string
	Text      string
	Stats     *Stats
}

// PlayInfo is the play of an event.
type PlayInfo struct {
	Name     string
	Check    bool
	Strategy string
	Hosts    []string
}

// TaskInfo is the task of an event.
type TaskInfo struct {
	ID      int
	Name    string // with the name of its role, templates resolved
	Action  string
	Path    string
	Line    int
	Check   bool
	Loop    bool
	Include bool
	Handler bool
	NoLog   bool
	Role    string
	Tags    []string
	Args    *py.Dict
}

// hosts of an inventory by name.
func names(hosts []*inventory.Host) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Name
	}
	return out
}
