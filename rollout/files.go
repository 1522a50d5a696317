package rollout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/aymanbagabas/go-udiff"

	"goodstate.dev/goodstate/core/config"
)

// File is a file of a release's configuration: each instance gets it in the folder that $FILES names, before it is started.
type File struct {
	From   string `yaml:"from" json:"from,omitempty" help:"its source in the release's own tree" example:"config/shop.conf"`
	Beside string `yaml:"beside" json:"beside,omitempty" help:"its source beside goodstate.yaml; what it is when a release is started belongs to the release" example:"shop.conf"`
	Text   string `yaml:"text" json:"text,omitempty" help:"what is in it" example:"listen={{.PORT}}"`
	AsIs   bool   `yaml:"as_is" json:"as_is,omitempty" help:"take it as it is; else {{.NAME}} stands for a value of values:, and {{.service}}, {{.version}} and {{.commit}} for the release"`

	Content string `yaml:"-" json:"content,omitempty"` // of Beside, when the release was started
}

const (
	mostFiles    = 100
	mostFileSize = 1 << 20
)

func (s *Service) validateFiles(report func(path, message string)) {
	if len(s.Files) > mostFiles {
		report("files", fmt.Sprintf("%d files, want at most %d", len(s.Files), mostFiles))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		f := s.Files[name]
		at := "files." + name
		if !filepath.IsLocal(name) || filepath.ToSlash(filepath.Clean(name)) != name || strings.ContainsAny(name, "\n\r\\\x00") {
			report(at, fmt.Sprintf("%q is no path below the folder of files", name))
		}
		given := 0
		for _, source := range []string{f.From, f.Beside, f.Text} {
			if source != "" {
				given++
			}
		}
		if given != 1 {
			report(at, "want exactly one of from, beside and text")
		}
		if f.From != "" && !filepath.IsLocal(f.From) {
			report(at+".from", fmt.Sprintf("%q is not in the release's tree", f.From))
		}
	}
	for name := range s.Values {
		if name == "service" || name == "version" || name == "commit" {
			report("values."+name, "the name is taken by what every file is given")
		}
	}
}

// readFiles keeps what the files beside goodstate.yaml are now: from here on it belongs to the release.
func (s *Service) readFiles() error {
	if len(s.Files) == 0 {
		return nil
	}
	files := maps.Clone(s.Files)
	for name, f := range files {
		if f.Beside == "" {
			continue
		}
		text, err := readAtMost(f.Beside)
		if err != nil {
			return fmt.Errorf("files.%s: %w", name, err)
		}
		f.Content = text
		files[name] = f
	}
	s.Files = files
	return nil
}

func readAtMost(path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(in, mostFileSize+1))
	if err == nil && len(text) > mostFileSize {
		err = fmt.Errorf("%s is larger than %d KiB", path, mostFileSize>>10)
	}
	return string(text), err
}

// render makes the files of a release from its folder. With secret nil, secrets are written by their names, as they may be shown.
func (k *Kept) render(secret func(name string) (string, error)) (map[string]string, error) {
	all := k.Config.withManifest()
	if len(all) == 0 {
		return nil, nil
	}
	values := map[string]string{"service": k.Release.Service, "version": k.Release.Version, "commit": k.Release.Commit}
	for name, v := range k.Config.Values {
		values[name] = v.String()
		if s, ok := v.Secret(); ok && secret != nil {
			text, err := secret(s.Name())
			if err != nil {
				return nil, fmt.Errorf("values.%s: %w", name, err)
			}
			values[name] = text
		}
	}
	out := map[string]string{}
	for name, f := range all {
		text, err := f.render(k.Dir, values)
		if err != nil {
			return nil, fmt.Errorf("files.%s of %s: %w", name, k.Release.Version, err)
		}
		out[name] = text
	}
	return out, nil
}

func (f *File) render(dir string, values map[string]string) (string, error) {
	text := f.Text + f.Content
	if f.From != "" {
		root, err := os.OpenRoot(dir) // a link in the release's tree must not lead out of it
		if err != nil {
			return "", err
		}
		defer func() { _ = root.Close() }() // only read
		in, err := root.Open(filepath.FromSlash(f.From))
		if err != nil {
			return "", err
		}
		defer func() { _ = in.Close() }() // likewise
		all, err := io.ReadAll(io.LimitReader(in, mostFileSize+1))
		if err != nil {
			return "", err
		}
		text = string(all)
	}
	if len(text) > mostFileSize {
		return "", fmt.Errorf("larger than %d KiB", mostFileSize>>10)
	}
	if f.AsIs {
		return text, nil
	}
	t, err := template.New("file").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("as a template: %w; as_is: true takes it as it is", err)
	}
	out := &limited{left: mostFileSize}
	if err := t.Execute(out, values); err != nil {
		return "", fmt.Errorf("as a template: %w; its values are %s", err, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return out.String(), nil
}

// limited is a buffer that does not grow for ever: a template may repeat.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("it comes to more than a mebibyte")
	}
	return l.Buffer.Write(p)
}

// files renders the files with their secrets, for instances that are about to start; they are never journaled.
func (ro *rollout) files(ctx context.Context, k Kept) (map[string]string, error) {
	return k.render(func(name string) (string, error) { return ro.Secret(ctx, name) })
}

// configured journals which files the instances of a release are given, by what they are without secrets.
func (ro *rollout) configured(ctx context.Context, k Kept) error {
	shown, err := k.render(nil)
	if err != nil || len(shown) == 0 {
		return err
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		sum := sha256.Sum256([]byte(shown[name]))
		words = append(words, name+" "+hex.EncodeToString(sum[:6]))
	}
	text := fmt.Sprintf("files of %s, configuration %.10s: %s", k.Release.Version, k.Release.Config, strings.Join(words, ", "))
	return ro.record(ctx, "files", text, nil)
}

// FileDiff is how a file of the configuration differs between two releases; secrets are names in it.
type FileDiff struct {
	Name string `json:"name"`
	Diff string `json:"diff"`
}

// differ compares the files of two releases; old nil: there were none.
func differ(old *Kept, newer Kept) ([]FileDiff, error) {
	is, err := newer.render(nil)
	if err != nil {
		return nil, err
	}
	was := map[string]string{}
	if old != nil {
		if was, err = old.render(nil); err != nil {
			return nil, err
		}
	}
	all := maps.Clone(is)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, was)
	var out []FileDiff
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if text := udiff.Unified("old/"+name, "new/"+name, was[name], is[name]); text != "" {
			out = append(out, FileDiff{name, text})
		}
	}
	return out, nil
}

// planFiles adds what changes in the files of the configuration.
func (s *Rollouts) planFiles(ctx context.Context, in Input, p *Plan) (err error) {
	newer := Kept{Release: in.Release, Config: in.Config}
	if len(in.Config.withManifest()) == 0 && (in.Old == nil || len(in.Old.Config.withManifest()) == 0) {
		return nil
	}
	dir, err := os.MkdirTemp("", "goodstate-plan-")
	if err != nil {
		return fmt.Errorf("folder to look at the files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if newer.Dir, err = s.Source(in.Service, in.Config).Look(ctx, in.Release, filepath.Join(dir, "release")); err != nil {
		return err
	}
	if p.FileDiffs, err = differ(in.Old, newer); err != nil {
		if p.Refused == "" {
			p.Refused = err.Error()
		}
		return nil
	}
	return nil
}

// filesRevision is what of the files belongs to a release's configuration.
func (s *Service) filesRevision() any {
	if len(s.Files) == 0 && len(s.Values) == 0 {
		return nil
	}
	return struct {
		Files  map[string]File
		Values map[string]config.Value
	}{s.Files, s.Values}
}
