package moduletest

// scenarios are added by the files of the modules.
var scenarios []Scenario

func add(list ...Scenario) { scenarios = append(scenarios, list...) }

type args = map[string]any
