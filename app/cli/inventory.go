package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/output"
	"goodstate.dev/goodstate/drift/settings"
)

func init() { register(inventoryCommand) }

// inventoryCommand is ansible-inventory.
func inventoryCommand(t *terminal) *cobra.Command {
	f := &playFlags{}
	var list, graph, vars, yaml bool
	var host, base, file string
	c := &cobra.Command{
		Use: "inventory [GROUP]", Short: "Show the hosts, groups and variables of an inventory", DisableFlagParsing: true,
		Long: "Show an inventory as playbooks see it. Flags and output are those of ansible-inventory.",
	}
	set := pflag.NewFlagSet("inventory", pflag.ContinueOnError)
	set.SortFlags = false
	f.inventoryFlags(set)
	set.BoolVar(&list, "list", false, "all hosts, groups and variables, as JSON")
	set.BoolVarP(&yaml, "yaml", "y", false, "with --list: YAML instead of JSON, as an inventory that can be read again")
	set.BoolVar(&graph, "graph", false, "the tree of groups")
	set.StringVar(&host, "host", "", "the variables of one host, as JSON")
	set.BoolVar(&vars, "vars", false, "with --graph: variables too")
	set.StringVar(&base, "playbook-dir", "", "folder of the playbook, for group_vars and host_vars there")
	set.StringVar(&file, "output", "", "file for the answer")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		rest, done, err := t.own(cmd, set, args)
		if done || err != nil {
			return err
		}
		inv, dirs, err := t.inventory(cmd.Context(), f, base)
		if err != nil {
			return t.playError(err)
		}
		text := ""
		switch {
		case countTrue(list, graph, host != "") != 1:
			return &exitError{5, errors.New("ERROR! No action selected, at least one of --host, --graph or --list needs to be specified, and only one.")}
		case list && yaml:
			text, err = treeListing(inv, dirs)
		case list:
			text, err = listing(inv, dirs)
		case host != "":
			text, err = hostListing(inv, dirs, host)
		default:
			text, err = graphListing(inv, dirs, rest, vars)
		}
		if err != nil {
			return &exitError{5, fmt.Errorf("ERROR! %w", err)}
		}
		if file != "" {
			return os.WriteFile(file, []byte(text), 0o600)
		}
		t.say("%s", text)
		return nil
	}
	return c
}

func countTrue(flags ...bool) int {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

func (t *terminal) inventory(ctx context.Context, f *playFlags, base string) (*inventory.Inventory, []string, error) {
	s, err := settings.Load(os.LookupEnv)
	if err != nil {
		return nil, nil, err
	}
	keys, err := t.vaultKeys(ctx, f, s)
	if err != nil {
		return nil, nil, err
	}
	sources := f.inventory
	if len(sources) == 0 {
		sources = s.Inventory
	}
	inv, err := inventory.Load(ctx, sources, inventoryOptions(keys, s, func(text string) { fmt.Fprintln(t.err, "[WARNING]: "+strings.TrimSpace(text)) }))
	if err != nil {
		return nil, nil, err
	}
	var dirs []string
	if base != "" {
		dirs = []string{base}
	}
	return inv, dirs, limitInventory(inv, f.limit)
}

// limitInventory leaves out the hosts that --limit does not want.
func limitInventory(inv *inventory.Inventory, limit string) error {
	if limit == "" {
		return nil
	}
	parts, err := inventory.SplitLimit(limit)
	if err != nil {
		return err
	}
	hosts, err := inv.Select(parts)
	if err != nil {
		return err
	}
	inv.Only(hosts)
	return nil
}

// inventoryOptions read files that may be vaults.
func inventoryOptions(keys vault.Keys, s *settings.Settings, warn func(string)) inventory.Options {
	decrypt := func(path string, text []byte) ([]byte, error) {
		if !vault.Is(text) {
			return text, nil
		}
		plain, _, err := keys.Decrypt(text)
		if err != nil {
			return nil, fmt.Errorf("%w on %s", err, path)
		}
		return plain, nil
	}
	load := func(path string) (any, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if text, err = decrypt(path, text); err != nil {
			return nil, err
		}
		return yaml11.Load(path, text, yaml11.Options{Warn: warn, Open: func(cipher string) (string, error) {
			plain, _, err := keys.Decrypt([]byte(cipher))
			return string(plain), err
		}})
	}
	return inventory.Options{Load: load, Decrypt: decrypt, Warn: warn, Ignore: s.InventoryIgnore}
}

func listing(inv *inventory.Inventory, dirs []string) (string, error) {
	doc, err := inv.Document(dirs...)
	if err != nil {
		return "", err
	}
	return output.Pretty(doc), nil
}

func treeListing(inv *inventory.Inventory, dirs []string) (string, error) {
	tree, err := inv.Tree(dirs...)
	if err != nil {
		return "", err
	}
	text, err := yaml11.Dump(tree, yaml11.DumpOptions{Block: true})
	return strings.TrimSuffix(text, "\n"), err
}

func hostListing(inv *inventory.Inventory, dirs []string, name string) (string, error) {
	hosts, err := inv.Match(name)
	if err != nil {
		return "", err
	}
	if len(hosts) != 1 {
		return "", errors.New("You must pass a single valid host to --host parameter")
	}
	vars, err := inv.Variables(hosts[0], dirs...)
	if err != nil {
		return "", err
	}
	return output.Pretty(vars), nil
}

func graphListing(inv *inventory.Inventory, dirs, rest []string, vars bool) (string, error) {
	group := "all"
	if len(rest) > 0 {
		group = rest[0]
	}
	show := py.Str
	if !vars {
		show = nil
	}
	return inv.Graph(group, show, dirs...)
}
