package jinja

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/pyre"
)

// Lookups of the environment, of commands, of variables and of the inventory.
func init() {
	lookups.add("env", "", func(c *call) (any, error) {
		terms, err := c.terms()
		if err != nil {
			return nil, err
		}
		get := c.r.env.opt.Getenv
		if get == nil {
			get = os.LookupEnv
		}
		out := py.NewList()
		for _, term := range terms {
			name := strings.Fields(term + " ")
			if len(name) == 0 {
				continue
			}
			v, ok := get(name[0])
			if ok {
				out.Items = append(out.Items, v)
				continue
			}
			fallback := c.option("default", "")
			if u, undefined := fallback.(py.Undefined); undefined {
				return nil, &UndefinedError{u.Hint}
			}
			out.Items = append(out.Items, fallback)
		}
		return out, nil
	})
	lookups.add("pipe", "", func(c *call) (any, error) {
		return c.commands(func(stdout string) []any { return []any{strings.TrimRightFunc(stdout, pySpace)} })
	})
	lookups.add("lines", "", func(c *call) (any, error) {
		return c.commands(func(stdout string) []any { return texts(splitLines(stdout, false)) })
	})
	lookups.add("vars", "", func(c *call) (any, error) {
		out := py.NewList()
		for _, t := range c.rest {
			name, ok := py.Text(t)
			if !ok {
				return nil, fmt.Errorf("Invalid setting identifier, %q is not a string, its a %s", py.Str(t), py.TypeName(t))
			}
			v, err := c.variable(name)
			if IsUndefined(err) {
				if fallback := c.option("default", nil); fallback != nil {
					v, err = fallback, nil
				}
			}
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, v)
		}
		return out, nil
	})
	lookups.add("varnames", "", func(c *call) (any, error) {
		names := c.r.scope.Names()
		out := py.NewList()
		for _, t := range c.rest {
			text, ok := py.Text(t)
			if !ok {
				return nil, fmt.Errorf("Invalid setting identifier, %q is not a string, it is a %s", py.Str(t), py.TypeName(t))
			}
			p, err := pyre.Compile(text, 0)
			if err != nil {
				return nil, fmt.Errorf("Unable to use %q as a search parameter: %w", text, err)
			}
			for _, name := range names {
				m, err := p.Search(name)
				if err != nil {
					return nil, err
				}
				if m != nil {
					out.Items = append(out.Items, name)
				}
			}
		}
		return out, nil
	})
	lookups.add("inventory_hostnames", "", func(c *call) (any, error) {
		terms, err := c.terms()
		if err != nil {
			return nil, err
		}
		if c.r.env.opt.Hosts == nil {
			return nil, errors.New("there is no inventory to look in")
		}
		names, err := c.r.env.opt.Hosts(strings.Join(terms, ","))
		if err != nil {
			return nil, err
		}
		return c.list(texts(names))
	})
	lookups.add("config", "", func(c *call) (any, error) {
		terms, err := c.terms()
		if err != nil {
			return nil, err
		}
		out := py.NewList()
		for _, name := range terms {
			if c.r.env.opt.Config != nil {
				if v, ok := c.r.env.opt.Config(name); ok {
					out.Items = append(out.Items, v)
					continue
				}
			}
			if p := c.r.env.opt.Plugin; p != nil {
				if do, ok := p("lookup", "config"); ok { // Ansible, where it is installed, knows all of its settings
					if v, err := do(c.r.ctx, []any{name}, py.NewDict()); err == nil {
						items, err := c.r.items(v)
						if err != nil {
							return nil, err
						}
						out.Items = append(out.Items, items...)
						continue
					}
				}
			}
			switch c.optionText("on_missing", "error") {
			case "error":
				return nil, lookupErrorf("Unable to find setting %s", name)
			case "warn":
				c.r.env.opt.Warn("Skipping, did not find setting " + name)
			}
		}
		return out, nil
	})
	lookups.add("url", "", lookupURL)
}

func (c *call) variable(name string) (any, error) {
	v, ok := c.r.scope.Lookup(name)
	if !ok {
		return nil, &UndefinedError{"No variable found with this name: " + name}
	}
	return c.r.value(v)
}

// commands runs each term with a shell.
func (c *call) commands(read func(stdout string) []any) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	runCommand := c.r.env.opt.Run
	if runCommand == nil {
		runCommand = c.shell
	}
	out := py.NewList()
	for _, term := range terms {
		stdout, _, code, err := runCommand(c.r.ctx, term)
		if err != nil {
			return nil, fmt.Errorf("lookup_plugin.%s(%s): %w", c.name, term, err)
		}
		if code != 0 {
			return nil, fmt.Errorf("lookup_plugin.%s(%s) returned %d", c.name, term, code)
		}
		out.Items = append(out.Items, read(string(stdout))...)
	}
	return out, nil
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	data []byte
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - len(b.data); len(p) > room {
		b.data, b.over = append(b.data, p[:max(room, 0)]...), true
		return 0, errors.New("too much output")
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

func (c *call) shell(ctx context.Context, command string) (stdout, stderr []byte, code int, err error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir = c.r.env.opt.Dir
	cmd.WaitDelay = time.Second
	out, errs := &bounded{most: c.r.env.opt.Output}, &bounded{most: 1 << 20}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	var exit *exec.ExitError
	if out.over {
		return nil, nil, 0, fmt.Errorf("it writes more than %d bytes", out.most)
	}
	if errors.As(err, &exit) {
		return out.data, errs.data, exit.ExitCode(), nil
	}
	return out.data, errs.data, 0, err
}

func lookupURL(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	get := c.r.env.opt.Get
	if get == nil {
		get = c.fetch
	}
	out := py.NewList()
	for _, term := range terms {
		data, err := get(c.r.ctx, term, c.named)
		if err != nil {
			return nil, lookupErrorf("Failed lookup url for %s : %v", term, err)
		}
		if c.optionBool("split_lines", true) {
			out.Items = append(out.Items, texts(splitLines(string(data), false))...)
		} else {
			out.Items = append(out.Items, string(data))
		}
	}
	return out, c.r.pay(len(out.Items))
}

func (c *call) fetch(ctx context.Context, url string, options *py.Dict) ([]byte, error) {
	limit := 10 * time.Second
	if v, ok := options.Get("timeout"); ok {
		if f, ok := pyFloat(v); ok {
			limit = time.Duration(f * float64(time.Second))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	if headers, ok := c.option("headers", nil).(*py.Dict); ok {
		for k, v := range headers.All() {
			req.Header.Set(py.Str(k), py.Str(v))
		}
	}
	if user := c.optionText("username", ""); user != "" {
		req.SetBasicAuth(user, c.optionText("password", ""))
	}
	req.Header.Set("User-Agent", c.optionText("http_agent", "ansible-httpget"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode >= 400 {
		return nil, fmt.Errorf("HTTP Error %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, int64(c.r.env.opt.Output)))
}
