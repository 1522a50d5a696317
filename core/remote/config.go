package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// reader goes over configuration files; the first value of a keyword counts, so files are read in the order of their rank.
type reader struct {
	ctx    context.Context
	s      *settings
	system bool // the file is the system's
	final  bool // second pass, for Match final
	again  bool // a second pass is asked for
}

// several are the keywords of which every line counts.
var several = []string{"identityfile", "certificatefile", "sendenv", "setenv"}

const (
	maxIncludes = 16
	maxConfig   = 1 << 20
)

// file reads one configuration file; one that is not there is empty unless it was asked for by name.
func (r *reader) file(path string, asked bool, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("reading %s: more than %d files include each other", path, maxIncludes)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the SSH configuration: %w", err)
	}
	if info.Size() > maxConfig {
		return fmt.Errorf("reading the SSH configuration: %s has %d bytes, want at most %d", path, info.Size(), maxConfig)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the SSH configuration: %w", err)
	}
	active, n := true, 0
	for line := range strings.Lines(string(text)) {
		n++
		if active, err = r.line(line, active, depth); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	return nil
}

// line takes one line and returns whether the lines after it count.
func (r *reader) line(line string, active bool, depth int) (bool, error) {
	key, rest := keyword(line)
	if key == "" || key[0] == '#' {
		return active, nil
	}
	words, err := split(rest)
	if err != nil {
		return active, err
	}
	if len(words) == 0 {
		return active, fmt.Errorf("%s has no value", key)
	}
	switch key {
	case "host":
		return matches(words, r.s.alias), nil
	case "match":
		return r.match(words)
	case "include":
		if !active {
			return active, nil
		}
		return active, r.include(words, depth)
	}
	if active {
		if key == "proxycommand" || key == "remotecommand" || key == "localcommand" || key == "knownhostscommand" {
			words = []string{strings.TrimSpace(rest)} // the rest of the line, as it is
		}
		r.s.set(key, words)
	}
	return active, nil
}

func (r *reader) include(patterns []string, depth int) error {
	base := filepath.Join(home(), ".ssh")
	if r.system {
		base = "/etc/ssh"
	}
	for _, pattern := range patterns {
		pattern = tilde(pattern)
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(base, pattern)
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("include %s: %w", pattern, err)
		}
		for _, path := range found {
			if err := r.file(path, false, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// match evaluates the criteria of a Match line; all must hold.
func (r *reader) match(words []string) (bool, error) {
	for i := 0; i < len(words); i++ {
		name, negated := strings.CutPrefix(strings.ToLower(words[i]), "!")
		var hit bool
		switch name {
		case "all":
			hit = true
		case "final":
			r.again = true
			hit = r.final
		case "canonical":
			hit = false // names are made canonical by the system's ssh only
		default:
			i++
			if i >= len(words) {
				return false, fmt.Errorf("match %s has no argument", name)
			}
			var err error
			if hit, err = r.criterion(name, words[i]); err != nil {
				return false, err
			}
		}
		if hit == negated {
			return false, nil
		}
	}
	return true, nil
}

func (r *reader) criterion(name, argument string) (bool, error) {
	patterns := strings.Split(argument, ",")
	switch name {
	case "host":
		return matches(patterns, r.s.address()), nil
	case "originalhost":
		return matches(patterns, r.s.alias), nil
	case "user":
		return matches(patterns, r.s.login()), nil
	case "localuser":
		return matches(patterns, localUser()), nil
	case "exec":
		command, err := expand(argument, r.s.tokens())
		if err != nil {
			return false, err
		}
		ctx, cancel := context.WithTimeout(r.ctx, 30*time.Second)
		defer cancel()
		return exec.CommandContext(ctx, "/bin/sh", "-c", command).Run() == nil, nil
	}
	r.s.odd = append(r.s.odd, "Match "+name)
	return false, nil
}

func (s *settings) set(key string, words []string) {
	if slices.Contains(several, key) {
		if key == "identityfile" && len(words) == 1 && slices.Contains(s.values[key], words[0]) {
			return
		}
		s.values[key] = append(s.values[key], words...)
		return
	}
	if _, ok := s.values[key]; !ok {
		s.values[key] = words
	}
}

func localUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// tilde puts the home folder for ~ and values for ${NAME}.
func tilde(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		path = home() + path[1:]
	}
	for {
		before, rest, ok := strings.Cut(path, "${")
		if !ok {
			return path
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return path
		}
		path = before + os.Getenv(name) + after
	}
}
