package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
)

// promises keeps note of what a repository with the rule of two persons promises: the rule itself, and what is kept of each application. Where goodstate.yaml promises
// less than before, two persons are asked, since nobody signs that file, and until they agree what was promised holds.
func (b *Backups) promises(ctx context.Context, name string) error {
	rule, err := b.rule(ctx, name)
	if err != nil || rule == nil {
		return err
	}
	conf, err := b.repository(name)
	if err != nil {
		return err
	}
	if conf.TwoPersons != nil {
		err = b.Ledger.Promise(ctx, name, "", conf.TwoPersons)
	} else {
		_, err = b.ask(ctx, *rule, ledger.Request{Kind: askOnePerson, Repository: name, Needs: 2, Text: "have what is deleted from repository " + name + " need no second person any more"}, asked{})
	}
	for app, a := range b.Configured().Applications.All() {
		if a.Repository == name || slices.Contains(a.Copies, name) {
			err = errors.Join(err, b.promiseKeep(ctx, *rule, name, app, a.Keep))
		}
	}
	return err
}

func (b *Backups) promiseKeep(ctx context.Context, rule TwoPersons, name, app string, now plan.Keep) error {
	var was plan.Keep
	there, err := b.Ledger.Promised(ctx, name, app, &was)
	if err != nil || there && was == now {
		return err
	}
	less := plan.Shorter(was, now)
	if !there || len(less) == 0 {
		return b.Ledger.Promise(ctx, name, app, now)
	}
	text, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("what is kept of %s: %w", app, err)
	}
	_, err = b.ask(ctx, rule, ledger.Request{
		Kind: askKeep, Repository: name, Needs: 2, Text: fmt.Sprintf("keep fewer restore points of %s in repository %s (%s)", app, name, strings.Join(less, "; ")),
	}, asked{Application: app, Keep: text})
	return err
}

// keeps are the policies of which any may want a restore point of a repository: the configured one, and one that was promised and is not given up yet.
func (b *Backups) keeps(ctx context.Context, name, app string, configured plan.Keep) ([]plan.Keep, error) {
	all := []plan.Keep{configured}
	rule, err := b.rule(ctx, name)
	if err != nil || rule == nil {
		return all, err
	}
	var promised plan.Keep
	there, err := b.Ledger.Promised(ctx, name, app, &promised)
	if there && promised != configured {
		all = append(all, promised)
	}
	return all, err
}

// givenUp takes all promises of a repository back.
func (b *Backups) givenUp(ctx context.Context, name string) error {
	err := b.Ledger.Promise(ctx, name, "", nil)
	for app := range b.Configured().Applications.All() {
		err = errors.Join(err, b.Ledger.Promise(ctx, name, app, nil))
	}
	return err
}
