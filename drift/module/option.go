package module

// Type is how the value of an option is read.
type Type string

// The types of options, with Ansible's names.
const (
	Str   Type = "str"
	Int   Type = "int"
	Float Type = "float"
	Bool  Type = "bool"
	List  Type = "list"
	Dict  Type = "dict"
	Path  Type = "path" // $VAR and ~ are expanded
	Raw   Type = "raw"
	Bytes Type = "bytes" // 10M is 10485760
	Bits  Type = "bits"
	JSON  Type = "json" // text; what is not text becomes JSON
)

// Option is one argument that a module takes.
type Option struct {
	Name     string
	Aliases  []string
	Type     Type // empty is Str
	Elements Type // of a List
	Required bool
	Default  any
	Choices  []any
	NoLog    bool     // its value is masked in everything that the module says
	Sub      []Option // of a Dict, or of a List of them
	SubRules SubRules
	Internal bool   // only the controller sets it; it is not told among the supported ones
	Since    string // the release of ansible-core that has it first, where that is after 2.14
	Fallback string // an environment variable that is read where the option is not given
}

// SubRules are the rules between the options inside a Dict.
type SubRules struct {
	MutuallyExclusive [][]string
	RequiredTogether  [][]string
	RequiredOneOf     [][]string
	RequiredIf        []RequiredIf
	RequiredBy        map[string][]string
}

func (o Option) kind() Type {
	if o.Type == "" {
		return Str
	}
	return o.Type
}

// words makes choices of texts.
func words(list ...string) []any {
	choices := make([]any, len(list))
	for i, w := range list {
		choices[i] = w
	}
	return choices
}

// fileOptions are what modules with files share.
var fileOptions = []Option{
	{Name: "mode", Type: Raw},
	{Name: "owner"},
	{Name: "group"},
	{Name: "seuser"},
	{Name: "serole"},
	{Name: "selevel"},
	{Name: "setype"},
	{Name: "attributes", Aliases: []string{"attr"}},
	{Name: "unsafe_writes", Type: Bool, Default: false, Fallback: "ANSIBLE_UNSAFE_WRITES"},
}
