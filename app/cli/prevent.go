package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/prevent"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(preventCommand) }

func preventCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "prevent RUN", Short: "Propose what would have found an incident earlier, and show that it would", Args: args(1, 1, "the ID of a RUN that was taken back (goodstate history shows them), or last"),
		Long: "Makes limits, checks and hooks of an incident, and tries each on what was recorded second by second: it has to fire in the incident,\n" +
			"earlier than it was found, and to stay silent over the recorded good times. Prints the change of goodstate.yaml; --write makes it.",
	}
	write := c.Flags().Bool("write", false, "change goodstate.yaml; its comments and formatting stay")
	only := c.Flags().StringSlice("only", nil, "only measures of these kinds: limit, check, hook")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		path, err := t.configFile()
		if err != nil {
			return err
		}
		return t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
			id, err := runID(ctx, client, args[0])
			if err != nil {
				return err
			}
			p, err := client.Prevent(ctx, id)
			if err != nil {
				return err
			}
			if len(*only) > 0 {
				p.Measures = slices.DeleteFunc(p.Measures, func(m prevent.Measure) bool { return !slices.Contains(*only, m.Kind) })
			}
			return t.prevent(path, p, *write)
		})(cmd, args)
	}
	return c
}

// prevent prints the measures and the change of the file, and makes it when asked to.
func (t *terminal) prevent(path string, p prevent.Proposal, write bool) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	fresh, notes := changed(old, p.Measures)
	p.Notes = append(p.Notes, notes...)
	change := string(diff.Diff("a/"+filepath.Base(path), old, "b/"+filepath.Base(path), fresh))
	if change != "" {
		if err := valid(path, fresh); err != nil {
			return err
		}
	}
	if t.json {
		t.document(struct {
			prevent.Proposal
			Diff    string `json:"diff,omitempty"`
			Written bool   `json:"written"`
		}{p, change, write && change != ""})
	} else {
		t.measures(p)
		fmt.Fprint(t.out, change)
	}
	switch {
	case change == "":
		return &exitError{exitDifferences, errors.New("nothing is to be added")}
	case !write:
		if !t.json {
			t.say("nothing is changed yet; --write does it")
		}
		return nil
	}
	return replace(path, fresh)
}

func (t *terminal) measures(p prevent.Proposal) {
	if p.Found > 0 {
		t.say("%s of %s was found bad %s after its first traffic; %d requests of users had failed", p.Run, p.Service, p.Found.Round(100_000_000), p.Failures)
	}
	for _, m := range p.Measures {
		t.say("\n%s: %s", m.Name, m.Why)
		t.say("  in the incident: %s", m.Incident.Words)
		t.say("  in good times:   %s", m.GoodTime.Words)
	}
	for _, n := range p.Notes {
		t.say("\nnote: %s", n)
	}
	t.say("")
}

// changed is the text of the file with the measures in it, and what could not be put in.
func changed(text []byte, all []prevent.Measure) (fresh []byte, notes []string) {
	for _, m := range all {
		next, err := config.Insert(text, m.Path, m.Key, m.YAML)
		if err != nil {
			notes = append(notes, m.Name+": "+err.Error())
			continue
		}
		text = next
	}
	return text, notes
}

// valid loads the new text as the configuration that it would be.
func valid(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".goodstate-*.yaml")
	if err != nil {
		return fmt.Errorf("try the new configuration: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("try the new configuration: %w", err)
	}
	if _, err := app.Load(f.Name()); err != nil {
		return fmt.Errorf("the configuration with the measures would not be valid, nothing is changed: %w", err)
	}
	return nil
}

// replace puts the new text in the place of the file, whole or not at all, with the file's own mode.
func replace(path string, text []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("change the configuration: %w", err)
	}
	tmp := filepath.Join(filepath.Dir(path), "."+strings.TrimPrefix(filepath.Base(path), ".")+".new")
	if err := os.WriteFile(tmp, text, info.Mode().Perm()); err != nil {
		return fmt.Errorf("change the configuration: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("change the configuration: %w", err), os.Remove(tmp))
	}
	return nil
}
