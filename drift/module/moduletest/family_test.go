package moduletest

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"goodstate.dev/goodstate/drift/module"
)

// TestModulesDoWhatAnsiblesDo runs every scenario by us and by Ansible.
func TestModulesDoWhatAnsiblesDo(t *testing.T) {
	pair := NewPair(t, false)
	pair.Server = webServer(t)
	seen := map[string]bool{}
	for i, s := range scenarios {
		// Every module is tried in any case; all that it is used for takes minutes.
		chosen := !s.Slow && (i%16 == 0 || !seen[s.Module])
		seen[s.Module] = true
		if os.Getenv("E2E_ALL") == "" && !chosen {
			continue
		}
		t.Run(s.Module+"/"+s.Name, func(t *testing.T) {
			pair.Run(t, s)
		})
	}
}

func TestEveryModuleHasAScenario(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios {
		k, ok := module.Find(s.Module)
		if !ok {
			t.Errorf("scenario %s/%s: no such module", s.Module, s.Name)
		}
		seen[k.Name] = true
	}
	for _, k := range module.Kinds() {
		if !seen[k.Name] {
			t.Errorf("module %s has no scenario", k.Name)
		}
		if k.Help == "" || k.Example == "" {
			t.Errorf("module %s needs help and an example", k.Name)
		}
	}
}

func TestUnknownOptionsAreRefusedInAnsiblesWords(t *testing.T) {
	pair := NewPair(t, false)
	for _, k := range module.Kinds() {
		if k.Raw {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			name := k.Name
			if len(k.Also) > 0 {
				name = k.Also[0]
			}
			call := Call{Module: name, Args: map[string]any{"no_such_option": 1}}
			for _, o := range k.Options {
				if o.Required {
					call.Args[o.Name] = "x"
				}
			}
			pair.ours.t, pair.ansible.t = t, t
			ours := pair.ours.Ours(call)
			if ours["failed"] != true {
				t.Fatalf("it was accepted: %v", ours)
			}
			if k.Own || k.Since != "" {
				return
			}
			msg, _ := ours["msg"].(string)
			for _, o := range k.Options {
				for name := range strings.SplitSeq(o.Name+","+strings.Join(o.Aliases, ","), ",") {
					if o.Since != "" {
						msg = regexp.MustCompile(`([ (])`+name+", ").ReplaceAllString(msg, "$1") // this release of Ansible has none
					}
				}
			}
			if theirs := pair.ansible.Ansible(call); theirs["msg"] != msg {
				t.Errorf("Ansible says\n%v\nwe say\n%v", theirs["msg"], msg)
			}
		})
	}
}

func TestAnUnknownModuleIsRefused(t *testing.T) {
	r := module.Run(context.Background(), module.Call{Module: "no_such"})
	if r["failed"] != true || r["msg"] != `no native module "no_such" on the host` {
		t.Fatalf("got %v", r)
	}
}
