package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/drift/adopt"
	"goodstate.dev/goodstate/web/api"
)

func driftImport(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Take over what AWX or Semaphore has: projects, inventories, credentials, templates, schedules"}
	c.AddCommand(
		t.importFrom("awx FILE|FOLDER...", "Take over an export of AWX: awx export > FILE",
			func(ctx context.Context, texts [][]byte, o adopt.Options) (adopt.Plan, error) {
				return adopt.AWX(ctx, texts, o, time.Now())
			}),
		t.importFrom("semaphore FILE", "Take over the backup of a project of Semaphore",
			func(ctx context.Context, texts [][]byte, o adopt.Options) (adopt.Plan, error) {
				if len(texts) != 1 {
					return adopt.Plan{}, usage("goodstate drift import semaphore takes one FILE")
				}
				return adopt.Semaphore(ctx, texts[0], o)
			}))
	return c
}

func (t *terminal) importFrom(use, short string, read func(context.Context, [][]byte, adopt.Options) (adopt.Plan, error)) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(1),
		Long: short + "\n\nWhat is there already and differs stays, unless --replace is given; so an import can be repeated. Secrets are in no export: credentials are made\n" +
			"without them, and the commands that give them are printed. What cannot be said here is listed by name.",
	}
	f := c.Flags()
	dry := f.Bool("dry-run", false, "change nothing, say what would be made")
	replace := f.Bool("replace", false, "change what is there and differs; secrets stay")
	var o adopt.Options
	f.StringToStringVar(&o.Repositories, "repository", nil, "address to use for a project: --repository NAME=URL, NAME as it is here")
	f.StringVar(&o.Zone, "zone", "", "time zone of schedules that name none (default: UTC)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		texts, err := t.exports(args)
		if err != nil {
			return err
		}
		plan, err := read(cmd.Context(), texts, o)
		if err != nil {
			return fmt.Errorf("import %s: %w", args[0], err)
		}
		return t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
			return t.importPlan(ctx, client, plan, *dry, *replace)
		})(cmd, args)
	}
	return c
}

// largestExport bounds what is read of all files together, in bytes.
const largestExport = 128 << 20

// exports reads files, and the documents in folders.
func (t *terminal) exports(paths []string) (texts [][]byte, err error) {
	room := int64(largestExport)
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); path != "-" && err == nil && info.IsDir() {
			files = nil
			for _, pattern := range []string{"*.json", "*.yml", "*.yaml"} {
				more, err := filepath.Glob(filepath.Join(path, pattern))
				if err != nil {
					return nil, err
				}
				files = append(files, more...)
			}
			if slices.Sort(files); len(files) == 0 {
				return nil, fmt.Errorf("%s has no file that ends in .json, .yml or .yaml", path)
			}
		}
		for _, file := range files {
			text, err := t.bounded(file, room)
			if err != nil {
				return nil, err
			}
			room -= int64(len(text))
			texts = append(texts, text)
		}
	}
	return texts, nil
}

func (t *terminal) bounded(path string, most int64) (text []byte, err error) {
	in := t.in
	if path != "-" {
		f, failure := os.Open(path)
		if failure != nil {
			return nil, fmt.Errorf("import: %w", failure)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	text, err = io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("more than %d MB; export less at a time", largestExport>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	return text, nil
}
