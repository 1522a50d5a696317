package engine

import (
	"errors"
	"fmt"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
)

// prompts asks for the variables of vars_prompt that were not given as extra variables.
func (p *playRun) prompts() error {
	for _, raw := range p.play.Prompts {
		v, err := p.r.env.Value(p.r.ctx, raw, p.scope(nil, nil))
		if err != nil {
			return err
		}
		d, ok := v.(*py.Dict)
		if !ok {
			return fmt.Errorf("vars_prompt of play %s is %T, want a dictionary", p.play.Title(), v)
		}
		name, _ := d.Get("name")
		if p.r.extra.Has(name) {
			continue
		}
		value, err := p.prompt(py.Str(name), d)
		if err != nil {
			return err
		}
		p.vars.Set(py.Str(name), value)
	}
	return nil
}

func (p *playRun) prompt(name string, d *py.Dict) (any, error) {
	get := func(key string, otherwise bool) bool {
		v, ok := d.Get(key)
		if !ok {
			return otherwise
		}
		b, is := action.Bool(v)
		return is && b
	}
	question := name
	if v, ok := d.Get("prompt"); ok && v != nil {
		question = py.Str(v)
	}
	standard, hasStandard := d.Get("default")
	if hasStandard && standard != nil {
		question += " [" + py.Str(standard) + "]"
	}
	question += ": "
	hidden := get("private", true)
	if p.r.opt.Console == nil {
		return standard, nil
	}
	for {
		answer, asked, err := p.r.opt.Console.Ask(p.r.ctx, question, hidden)
		if err != nil {
			return nil, fmt.Errorf("prompt for %s: %w", name, err)
		}
		if asked && get("confirm", false) {
			again, _, err := p.r.opt.Console.Ask(p.r.ctx, "confirm "+question, hidden)
			if err != nil {
				return nil, fmt.Errorf("prompt for %s: %w", name, err)
			}
			if again != answer {
				p.r.opt.Console.Display("***** VALUES ENTERED DO NOT MATCH ****")
				continue
			}
		}
		if answer == "" && hasStandard {
			return standard, nil
		}
		return p.entered(answer, d, get("unsafe", false))
	}
}

func (p *playRun) entered(answer string, d *py.Dict, unsafe bool) (any, error) {
	if how, ok := d.Get("encrypt"); ok && how != nil && how != "" {
		s := (&scope{p: p, r: p.r, roles: noRole}).with(map[string]any{"_goodstate_answer": py.Unsafe(answer), "_goodstate_how": how})
		salt, ok := d.Get("salt")
		expr := "{{ _goodstate_answer | password_hash(_goodstate_how) }}"
		if ok && salt != nil {
			s = s.with(map[string]any{"_goodstate_salt": salt})
			expr = "{{ _goodstate_answer | password_hash(_goodstate_how, _goodstate_salt) }}"
		}
		v, err := p.r.env.Value(p.r.ctx, expr, s)
		if err != nil {
			return nil, errors.New("vars_prompt: the answer cannot be hashed: " + err.Error())
		}
		return v, nil
	}
	if unsafe {
		return py.Unsafe(answer), nil
	}
	return answer, nil
}
