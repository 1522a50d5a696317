package client

import (
	"errors"
	"fmt"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
)

// seenAs is the file as rules see it, without its content. What a link pointed to can be had: a rule tells by it that a link has become a file.
func (r *round) seenAs(f *file) *rule.File {
	v := &rule.File{Path: f.path, Mode: f.mode, Old: f.old, Size: f.size}
	if f.old == rule.Symlink && !none(f.was) {
		v.OldContent = func() ([]byte, error) {
			content, _, err := r.batch.get(f.was)
			return content, err
		}
	}
	return v
}

// judgeFile lets the rules repair and judge one file. The content is nil where it must be read from the object.
func (r *round) judgeFile(f *file, rules []native, content []byte, fix, check bool) ([]byte, []rule.Finding, error) {
	v := r.seenAs(f)
	known := content != nil
	v.Content = func() ([]byte, error) {
		if f.mode == rule.Submodule {
			return nil, nil
		}
		if !known {
			var err error
			if content, f.size, err = r.batch.get(f.oid); err != nil {
				return nil, err
			}
			known = true
		}
		return content, nil
	}
	wanting, others := make([]native, 0, len(rules)), []native(nil)
	for _, n := range rules {
		if n.file == nil || r.accepted(n, f) || !r.chosen(n.Select, f, v) {
			continue
		}
		if v.Size < 0 {
			if err := r.measure(f, v); err != nil {
				return nil, nil, err
			}
		}
		if n.file.Wants(v) {
			wanting = append(wanting, n)
		} else {
			others = append(others, n)
		}
	}
	better, err := r.fixFile(f, wanting, v, fix)
	if err != nil {
		return nil, nil, err
	}
	if better != nil {
		content, known = better, true
		v.Size = int64(len(better))
	}
	if !check {
		return better, nil, nil
	}
	for _, n := range others {
		if !n.file.Wants(v) { // its size and mode are all that matters
			r.accept(n, f, better)
		}
	}
	findings, err := r.findAll(f, wanting, v, better)
	return better, findings, err
}

// chosen also takes links and submodules, which rules look at unless types say otherwise.
func (r *round) chosen(s plan.Select, f *file, v *rule.File) bool {
	if len(s.Types) == 0 {
		return s.Matches(f.path)
	}
	return s.Chooses(f.path, f.mode, func() []byte { return head(v) })
}

// measure finds the size of what is not on disk as it is staged.
func (r *round) measure(f *file, v *rule.File) error {
	if f.size < 0 {
		_, err := v.Content()
		if err != nil && !errors.Is(err, errLarge) {
			return err
		}
	}
	v.Size = f.size
	return nil
}

const headSize = 8000 // bytes that Git looks at to tell text from binary

func head(v *rule.File) []byte {
	content, err := v.Content()
	if err != nil {
		return nil // too large to be read; its name must do
	}
	return content[:min(len(content), headSize)]
}

func (r *round) fixFile(f *file, rules []native, v *rule.File, allowed bool) ([]byte, error) {
	if !allowed || !f.regular() {
		return nil, nil
	}
	current := v
	var better []byte
	for _, n := range rules {
		if n.fixer == nil {
			continue
		}
		next, changed, err := n.fixer.Fix(current)
		if errors.Is(err, errLarge) {
			return nil, nil // the rule says so when it checks
		}
		if err != nil {
			return nil, fmt.Errorf("rule %s repairs %s: %w", n.Name, f.path, err)
		}
		if !changed {
			continue
		}
		better = next
		with := *v
		with.Size, with.Content = int64(len(next)), func() ([]byte, error) { return next, nil }
		current = &with
	}
	return better, nil
}

func (r *round) findAll(f *file, rules []native, v *rule.File, better []byte) ([]rule.Finding, error) {
	var all []rule.Finding
	for _, n := range rules {
		found, err := n.file.Check(v)
		if errors.Is(err, errLarge) {
			found, err = []rule.Finding{{Rule: n.Name, Path: v.Path, Message: "not checked: " + errLarge.Error(), Unchecked: true}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("rule %s on %s: %w", n.Name, v.Path, err)
		}
		if len(found) == 0 {
			r.accept(n, f, better)
		}
		all = append(all, found...)
	}
	return all, nil
}
